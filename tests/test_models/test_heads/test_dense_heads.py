"""Dense heads of a student and a teacher, watched and compared in a distiller."""

import copy
from typing import Any

import pytest
import torch
from dense_detectors import LOSSES, dense_detector, dense_distiller
from mmengine.registry import MODELS
from refusals import refused
from torch import nn
from toys import detection_batch

from tskd_mm.models.features.feature_tap import Features
from tskd_mm.models.heads import DenseHeads
from tskd_mm.models.teacher.teacher_input import TeacherBatch

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def added(losses: dict) -> dict[str, torch.Tensor]:
    """Those of the distiller, which come with a ratio."""
    names = [key.removeprefix('ratio_') for key in losses if key.startswith('ratio_')]
    return {name: losses[f'loss_{name}'] for name in names}


def test_names_of_the_parts():
    model = dense_distiller('GFL')
    assert model.loss_names == [
        *('bckd_cls', 'bckd_box', 'crosskd_cls', 'crosskd_box'),
        *('ld_main', 'ld_valuable', 'ld_cls', 'score'),
    ]
    losses = model.loss(*detection_batch(model.data_preprocessor))
    assert [*added(losses)] == model.loss_names
    model.loss_factors = {'bckd_cls': 0.0, 'score': 2.0}
    other = model.loss(*detection_batch(model.data_preprocessor))
    assert float(other['loss_bckd_cls']) == 0


@pytest.mark.parametrize('asked', [False, True])
@pytest.mark.parametrize('features', [{}, {'pkd': dict(type='PKDLoss')}])
def test_the_teachers_head_runs_if_a_loss_asks(asked: bool, features: dict):
    losses = {'bckd': LOSSES['bckd']} if asked else {}
    model = dense_distiller(losses=losses, feature_losses=features)
    calls = []
    head = model.teacher.model.bbox_head
    head.retina_cls.register_forward_hook(lambda *a: calls.append('predictor'))
    hooks = len(model.student.bbox_head._forward_hooks)
    model.loss(*detection_batch(model.data_preprocessor))
    assert len(calls) == (5 if asked else 0)  # once a level
    assert len(model.student.bbox_head._forward_hooks) == hooks


def test_the_students_head_runs_once():
    model = dense_distiller('GFL')
    calls = []
    for part in ('gfl_cls', 'gfl_reg'):
        module = getattr(model.student.bbox_head, part)
        module.register_forward_hook(lambda *a, part=part: calls.append(part))
    for index, module in enumerate(model.teacher.model.bbox_head.cls_convs):
        module.register_forward_hook(lambda *a, i=index: calls.append(i))
    model.loss(*detection_batch(model.data_preprocessor))
    assert calls.count('gfl_cls') == calls.count('gfl_reg') == 5
    # The features of the student enter the teacher's head before its last convolution.
    assert [calls.count(i) for i in range(4)] == [5, 5, 5, 10]


def test_crossed_by_hand():
    """The student's features through the teacher's last convolution and predictor."""
    model = dense_distiller('RetinaNet', {'crosskd': LOSSES['crosskd']})
    inputs, samples = detection_batch(model.data_preprocessor)
    student, teacher = model.student.bbox_head, model.teacher.model.bbox_head
    with model.heads.record(model.student) as seen:
        model.student.loss(inputs, samples)
    neck = model.teacher(inputs, samples).neck
    known = model.heads.read(seen, model.student, model.teacher.model, neck, samples)
    crossed = known['crossed']
    for level, feature in zip(crossed, model.student.extract_feat(inputs), strict=True):
        for convolution in student.cls_convs[:3]:
            feature = convolution(feature)
        expected = teacher.retina_cls(teacher.cls_convs[3](feature))
        torch.testing.assert_close(level.logits.flatten(1, 2), expected)
    loss = sum(x.logits.sum() + x.boxes.sum() for x in crossed)
    model.zero_grad()
    loss.backward()
    trained = {n for n, p in student.named_parameters() if p.grad is not None}
    assert trained == {
        f'{branch}_convs.{i}.conv.{kind}'
        for branch in ('cls', 'reg')
        for i in range(3)
        for kind in ('weight', 'bias')
    }
    assert all(p.grad is None for p in teacher.parameters())


@pytest.mark.parametrize('family', ['RetinaNet', 'GFL'])
def test_padding_does_not_count(family: str):
    """Whatever necks and heads give there."""
    model = dense_distiller(family).eval()
    inputs, samples = detection_batch(model.data_preprocessor, ((160, 160), (96, 64)))
    for sample in samples:  # objects at the edge of the small image
        sample.gt_instances.bboxes[:] = torch.tensor([30.0, 50, 64, 96])
    with model.heads.record(model.student) as seen:
        model.student.loss(inputs, samples)
    neck = model.teacher(inputs, samples).neck
    parts = model.heads.read(seen, model.student, model.teacher.model, neck, samples)
    losses = model.static_losses.heads.values()
    expected = [loss(parts) for loss in losses]
    pairs = zip(*(parts[f'{role}_neck'] for role in ('student', 'teacher')))
    outputs = zip(parts['student'], parts['teacher'], parts['crossed'])
    for mask, maps, levels in zip(parts['valid'], pairs, outputs, strict=True):
        for x in [*maps, *(x for level in levels for x in vars(level).values())]:
            if x is not None:
                with torch.no_grad():
                    x.copy_(x.where(spread(mask, x), torch.rand_like(x) * 9))
    found = [loss(parts) for loss in losses]
    assert all(float(value) > 0 for loss in expected for value in loss.values())
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def spread(mask: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(N, 1, H, W) to (N, ..., H, W)."""
    return mask.view(len(mask), *[1] * (like.dim() - 3), *mask.shape[-2:]) > 0


def test_a_copy_of_the_student_shares_no_teacher():
    """An EMA model is a deep copy."""
    model = dense_distiller('GFL')
    other = copy.deepcopy(model)
    assert other.teacher is model.teacher
    batch = detection_batch(model.data_preprocessor)
    first, second = added(model.loss(*batch)), added(other.loss(*batch))
    assert all(torch.equal(first[name], second[name]) for name in first)


def refuse(text: str, family: str = 'RetinaNet', **config: Any) -> None:
    with refused(text):
        dense_distiller(family, **config)


NO_BINS = (
    'LDLoss compares distributions of distances over bins, but {} of the student has '
    'none: use it with a GFLHead, or BCKDLoss with any head'
)


def test_heads_that_a_loss_cannot_read():
    refuse(NO_BINS.format('RetinaHead'), losses={'ld': LOSSES['ld']})
    text = (
        'CrossKDLoss runs the last layers of a head from a feature of another head, '
        'but TOODHead of the student has no separate branches for classes and boxes'
    )
    refuse(text, 'TOOD', losses={'crosskd': LOSSES['crosskd']})
    short = dense_detector('GFL')
    short.bbox_head.stacked_convs = 1
    text = (
        'CrossKDLoss needs at least 2 stacked convolutions in each branch, but '
        'cls_convs of GFLHead of the student has 1'
    )
    refuse(text, 'GFL', student=short, teacher=short)


def of_teacher(**head: Any) -> dict:
    config = dense_detector('RetinaNet')
    config.bbox_head.update(head)
    return config


def differ(what: str, ours: Any, theirs: Any) -> str:
    return (
        f'head losses compare both heads on the same grid, so {what} must be equal, '
        f'but the student has {ours} and the teacher {theirs}: use a teacher with a '
        'head of the same kind, or feature_losses alone'
    )


def test_heads_that_differ():
    generator = dense_detector('RetinaNet').bbox_head.anchor_generator
    strides = [8, 16, 32, 64, 128]
    refuse(
        differ('layout', 'anchors and their deltas', 'distributions of distances'),
        teacher=dense_detector('GFL'),
        losses={'bckd': LOSSES['bckd']},
    )
    refuse(
        differ('strides', strides, [16, 32, 64, 128, 256]),
        teacher=of_teacher(
            anchor_generator=dict(generator, strides=[16, 32, 64, 128, 256])
        ),
    )
    refuse(
        differ('priors at a pixel', [9] * 5, [3] * 5),
        teacher=of_teacher(anchor_generator=dict(generator, ratios=[1.0])),
    )
    other = dense_detector('GFL')
    other.bbox_head.reg_max = 7
    refuse(differ('reg_max', 16, 7), 'GFL', teacher=other)


def test_heads_of_other_widths():
    text = (
        "CrossKDLoss gives the teacher's head features of the student's, but the "
        "student's head is 32 channels wide and the teacher's 64 (feat_channels): use "
        'heads of one width, or BCKDLoss'
    )
    refuse(text, teacher=of_teacher(feat_channels=64))
    model = dense_distiller(
        teacher=of_teacher(feat_channels=64), losses={'bckd': LOSSES['bckd']}
    )
    assert added(model.loss(*detection_batch(model.data_preprocessor)))


def test_a_teacher_with_another_padding_is_compared_cell_by_cell():
    """The head gets cells of the teacher's own batch, cut to what the student sees."""
    student, teacher = dense_detector('RetinaNet'), dense_detector('RetinaNet')
    student.data_preprocessor.pad_size_divisor = 1
    losses = {name: LOSSES[name] for name in ('bckd', 'score')}
    model = dense_distiller(losses=losses, student=student, teacher=teacher).eval()
    inputs, samples = detection_batch(model.data_preprocessor, ((70, 89), (60, 81)))
    assert inputs.shape[2:] == (70, 89)
    found = added(model.loss(inputs, samples))

    frozen = model.teacher
    padded = nn.functional.pad(inputs, (0, 96 - 89, 0, 96 - 70))
    with torch.no_grad():
        whole = frozen.model.extract_feat(padded)
        ours = model.student.extract_feat(inputs)
    assert [tuple(x.shape[2:]) for x in whole] != [tuple(x.shape[2:]) for x in ours]
    cut = [x[:, :, : y.shape[2], : y.shape[3]] for x, y in zip(whole, ours)]

    class ByHand:
        model = frozen.model

        def __call__(self, *batch: Any) -> Features:
            return Features(neck=cut)

    model.teacher = ByHand()
    expected = added(model.loss(inputs, samples))
    assert {*found} == {*expected} == {*model.static_losses.names}
    for name, loss in expected.items():
        assert float(loss) > 0
        assert float(found[name]) == pytest.approx(float(loss), rel=1e-5), name


def test_levels_that_round_otherwise():
    model = dense_distiller(losses={'bckd': LOSSES['bckd']})
    inputs, samples = detection_batch(model.data_preprocessor, ((64, 64),))
    model.teacher.adapt = lambda images, samples: TeacherBatch(
        images[..., :-32], samples, None
    )
    text = (
        'head losses compare both heads on the same grid, so the size of levels must '
        'be equal, but the student has [(8, 8), (4, 4), (2, 2), (1, 1), (1, 1)] and '
        'the teacher [(8, 4), (4, 2), (2, 1), (1, 1), (1, 1)]: use a teacher whose '
        'strides round alike, and one size of images'
    )
    with refused(text):
        model.loss(inputs, samples)


def test_an_input_of_another_name_is_refused():
    class Curious(nn.Module):
        compares = DenseHeads

        def forward(self, student, everything):
            raise NotImplementedError

    text = (
        "Curious declares the input 'everything', but the inputs for DenseHeads are "
        'student, teacher, crossed, student_bins, teacher_bins, student_neck, '
        'teacher_neck, priors, assigned, valid, data_samples'
    )
    refuse(text, losses={'it': dict(type=Curious)})


def test_heads_of_two_kinds():
    text = (
        "a detector has heads of one kind, but the head_losses ['a', 'b'] compare "
        'DenseHeads, RoIHeads: keep those of one kind'
    )
    refuse(text, losses={'a': LOSSES['bckd'], 'b': dict(type='RoIHeadKDLoss')})


def test_names_of_parts_are_taken():
    losses = {'kd': LOSSES['bckd'], 'kd_cls': LOSSES['score']}
    text = (
        'a static loss needs a name of its own that is none of review, task and does '
        'not contain "loss", under which mmengine sums, but got \'kd_cls\' in '
        "['kd_cls', 'kd_box', 'kd_cls']: it is logged as loss_<name>, and its ratio to "
        'the task loss as ratio_<name>'
    )
    refuse(text, losses=losses)


@pytest.mark.parametrize('half', [False, True])
def test_necks_of_other_widths(half: bool):
    narrow = dense_detector('RTMDet')
    narrow.neck.out_channels = narrow.bbox_head.in_channels = 16
    model = dense_distiller(
        'RTMDet', {'score': LOSSES['score'], 'bckd': LOSSES['bckd']}, student=narrow
    )
    batch = detection_batch(model.data_preprocessor)
    with torch.autocast('cpu', torch.bfloat16, enabled=half):
        losses = added(model.loss(*batch))
    assert losses['score'].dtype == torch.float32
    losses['score'].backward()
    [weight, _] = model.static_losses.parameters()
    assert weight.shape == (32, 16, 1, 1) and weight.grad.abs().sum() > 0


def test_main_region_is_that_of_the_host():
    """MMDetection's LDHead, given the same student and the teacher's outputs."""
    model = dense_distiller('GFL', {'ld': dict(type='LDLoss')}).train()
    inputs, samples = detection_batch(model.data_preprocessor)
    config = dense_detector('GFL')
    loss = dict(type='KnowledgeDistillationKLDivLoss', loss_weight=0.25, T=10)
    config.bbox_head.update(type='LDHead', loss_ld=loss)
    oracle = MODELS.build(config).train()
    oracle.load_state_dict(model.student.state_dict())
    teacher = model.teacher.model
    with torch.no_grad():
        said = teacher.bbox_head(teacher.extract_feat(inputs))
    host = oracle.bbox_head.loss(oracle.extract_feat(inputs), said, samples)
    expected = sum(host['loss_ld'])
    found = model.loss(inputs, samples)['loss_ld_main']
    assert float(expected) > 1e-4
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
    found.backward()
    expected.backward()
    [ours, theirs] = (m.bbox_head.gfl_reg.weight.grad for m in (model.student, oracle))
    assert ours.abs().max() > 1e-5
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-7)
