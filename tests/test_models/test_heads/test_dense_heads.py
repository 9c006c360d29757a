"""Dense heads of a student and a teacher, watched and compared in a distiller."""

import copy
import re
from typing import Any

import pytest
import torch
from dense_detectors import FAMILIES, dense_detector
from mmengine.logging import MessageHub
from mmengine.registry import MODELS
from refusals import refused
from torch import nn
from toys import detection_batch

from tskd_mm.models.features.feature_tap import Features
from tskd_mm.models.heads import DenseHeads
from tskd_mm.models.teacher.teacher_input import TeacherBatch

pytestmark = pytest.mark.usefixtures('mmdet_scope')
LOSSES = {
    'bckd': dict(type='BCKDLoss'),
    'crosskd': dict(type='CrossKDLoss'),
    'ld': dict(type='LDLoss'),
    'score': dict(type='ScoreWeightedL2Loss'),
}
WITHOUT = {  # losses that refuse a family
    family: {'ld'} | ({'crosskd'} if family == 'TOOD' else set())
    for family in FAMILIES
    if family != 'GFL'
}


@pytest.fixture(autouse=True)
def first_iteration():
    """What a runner tells: YOLOX asks for the iteration, TOOD for the epoch."""
    for name in ('iter', 'epoch'):
        MessageHub.get_current_instance().update_info(name, 0)


def losses_of(family: str) -> dict[str, dict]:
    refused = WITHOUT.get(family, set())
    return {name: loss for name, loss in LOSSES.items() if name not in refused}


def distiller(
    family: str = 'RetinaNet', losses: dict | None = None, **config: Any
) -> nn.Module:
    """Student and teacher of one family, of which the teacher knows other weights."""
    model = MODELS.build(
        {
            'type': 'TSKDDistiller',
            'student': dense_detector(family),
            'teacher': dense_detector(family),
            'teacher_checkpoint': None,
            'feature_losses': {},
            'head_losses': losses_of(family) if losses is None else losses,
            'review': None,
            **config,
        }
    )
    model.init_weights()
    model.phase = 'general'
    for part in (model.student, model.teacher.model):
        shake(part)
    return model


def shake(model: nn.Module) -> None:
    """Weights and statistics as of training: scores that differ, features of size 1."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity='relu')
    for name, parameter in model.bbox_head.named_parameters():
        if re.search(r'_(cls|reg|obj|centerness)(\.\d)?\.weight', name):
            nn.init.normal_(parameter, std=0.05)


def freeze_norms(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def added(losses: dict) -> dict[str, torch.Tensor]:
    """Those of the distiller, which come with a ratio."""
    names = [key.removeprefix('ratio_') for key in losses if key.startswith('ratio_')]
    return {name: losses[f'loss_{name}'] for name in names}


def slopes(model: nn.Module, loss: torch.Tensor) -> float:
    model.zero_grad()
    loss.backward()
    found = [p.grad for p in model.student.parameters() if p.grad is not None]
    return max((float(x.abs().max()) for x in found), default=0.0)


@pytest.mark.parametrize('family', FAMILIES)
@pytest.mark.parametrize('training', [True, False])
def test_positive_for_another_network_and_zero_for_the_same(
    family: str, training: bool
):
    """Value and gradient; in training mode with frozen norms, and in eval mode."""
    if family == 'VFNet' and not training:
        pytest.skip("the host's own loss cannot be computed in eval mode")
    model = distiller(family).train(training)
    freeze_norms(model)
    batch = detection_batch(model.data_preprocessor)
    found = added(model.loss(*batch))
    assert {*found} == {*model.static_losses.names}
    for name, loss in found.items():
        assert float(loss) > 0, name
    assert slopes(model, sum(found.values())) > 1e-3
    model.teacher.model.load_state_dict(model.student.state_dict())
    found = added(model.loss(*batch))
    for name, loss in found.items():
        assert float(loss) == pytest.approx(0, abs=1e-6), name
    assert slopes(model, sum(found.values())) < 1e-5


def test_names_of_the_parts():
    model = distiller('GFL')
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
    model = distiller(losses=losses, feature_losses=features)
    calls = []
    head = model.teacher.model.bbox_head
    head.retina_cls.register_forward_hook(lambda *a: calls.append('predictor'))
    hooks = len(model.student.bbox_head._forward_hooks)
    model.loss(*detection_batch(model.data_preprocessor))
    assert len(calls) == (5 if asked else 0)  # once a level
    assert len(model.student.bbox_head._forward_hooks) == hooks


def test_the_students_head_runs_once():
    model = distiller('GFL')
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
    model = distiller('RetinaNet', {'crosskd': LOSSES['crosskd']})
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
    model = distiller(family).eval()
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


@pytest.mark.parametrize('family', ['FCOS', 'GFL', 'YOLOX'])
def test_mixed_precision(family: str):
    """Readers and losses compute in float32; heads in the student's precision."""
    model = distiller(family).train()
    freeze_norms(model)
    batch = detection_batch(model.data_preprocessor)
    full = added(model.loss(*batch))
    with torch.autocast('cpu', torch.bfloat16):
        half = added(model.loss(*batch))
    for name, loss in half.items():
        assert loss.dtype == torch.float32, name
        assert float(loss) == pytest.approx(float(full[name]), rel=0.2), name
    assert slopes(model, sum(half.values())) > 0
    model.teacher.model.load_state_dict(model.student.state_dict())
    with torch.autocast('cpu', torch.bfloat16):
        same = added(model.loss(*batch))
    for name, loss in same.items():
        assert float(loss) == pytest.approx(0, abs=1e-5), name


def test_a_copy_of_the_student_shares_no_teacher():
    """An EMA model is a deep copy."""
    model = distiller('GFL')
    other = copy.deepcopy(model)
    assert other.teacher is model.teacher
    batch = detection_batch(model.data_preprocessor)
    first, second = added(model.loss(*batch)), added(other.loss(*batch))
    assert all(torch.equal(first[name], second[name]) for name in first)


def refuse(text: str, family: str = 'RetinaNet', **config: Any) -> None:
    with refused(text):
        distiller(family, **config)


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
    model = distiller(
        teacher=of_teacher(feat_channels=64), losses={'bckd': LOSSES['bckd']}
    )
    assert added(model.loss(*detection_batch(model.data_preprocessor)))


def test_a_teacher_with_another_padding_is_compared_cell_by_cell():
    """The head gets cells of the teacher's own batch, cut to what the student sees."""
    student, teacher = dense_detector('RetinaNet'), dense_detector('RetinaNet')
    student.data_preprocessor.pad_size_divisor = 1
    losses = {name: LOSSES[name] for name in ('bckd', 'score')}
    model = distiller(losses=losses, student=student, teacher=teacher).eval()
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
    model = distiller(losses={'bckd': LOSSES['bckd']})
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
    model = distiller(
        'RTMDet', {'score': LOSSES['score'], 'bckd': LOSSES['bckd']}, student=narrow
    )
    batch = detection_batch(model.data_preprocessor)
    with torch.autocast('cpu', torch.bfloat16, enabled=half):
        losses = added(model.loss(*batch))
    assert losses['score'].dtype == torch.float32
    slopes(model, losses['score'])
    [weight, _] = model.static_losses.parameters()
    assert weight.shape == (32, 16, 1, 1) and weight.grad.abs().sum() > 0


def test_main_region_is_that_of_the_host():
    """MMDetection's LDHead, given the same student and the teacher's outputs."""
    model = distiller('GFL', {'ld': dict(type='LDLoss')}).train()
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
