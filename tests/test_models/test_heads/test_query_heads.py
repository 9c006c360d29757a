"""Queries of the teacher in both decoders, and pairs for which that has no meaning."""

import pytest
import torch
from mmdet.models.detectors import DINO
from mmengine.registry import MODELS
from refusals import refused
from tiny_detectors import QUERY, shake, tiny_detector
from torch import nn
from toys import photos, tiny_retinanet

from tskd_mm.models.heads.query_heads import QUERIES, QueryHeads
from tskd_mm.models.losses import QueryKDLoss
from tskd_mm.models.teacher.teacher_classes import TeacherClasses

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def build(family: str, **size: int) -> nn.Module:
    model = MODELS.build(tiny_detector(family, **size))
    model.init_weights()
    shake(model, 0.05)
    return model


def compare(student: nn.Module, teacher: nn.Module, classes=None) -> tuple:
    heads = QueryHeads({})
    heads.check(student)
    heads.match(student, teacher, TeacherClasses(classes, lambda: None))
    data = student.data_preprocessor(photos(), True)
    with heads.record(student) as seen:
        student.loss(data['inputs'], data['data_samples'])
    neck = teacher.eval().extract_feat(data['inputs'])
    found = heads.read(seen, student, teacher, neck, data['data_samples'])
    return found['student'], found['teacher'], data


@pytest.mark.parametrize('family', QUERY)
def test_the_teacher_answers_as_it_predicts(family):
    student, teacher = build(family), build(family, classes=4)
    _, theirs, data = compare(student, teacher, classes=[3, 1, 0])
    logits, boxes = teacher(data['inputs'], data['data_samples'], mode='tensor')
    assert torch.equal(theirs.logits, logits[..., [3, 1, 0]])
    assert torch.equal(theirs.boxes, boxes)
    assert not theirs.logits.requires_grad and not theirs.boxes.requires_grad


@pytest.mark.parametrize('family', QUERY)
def test_decoders_of_other_depth_with_another_number_of_queries(family):
    student, teacher = build(family, queries=10), build(family, layers=3, queries=14)
    ours, theirs, _ = compare(student, teacher)
    assert ours.logits.shape == (2, 2, 14, 3) and ours.boxes.shape == (2, 2, 14, 4)
    assert theirs.logits.shape == (3, 2, 14, 3) and theirs.boxes.shape == (3, 2, 14, 4)
    found = QueryKDLoss()(ours, theirs)
    assert all(loss > 0 for loss in found.values())
    sum(found.values()).backward()
    for part in (student.decoder, student.encoder, student.neck, student.backbone):
        assert any(p.grad is not None and p.grad.any() for p in part.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


@pytest.mark.parametrize('family', QUERY)
def test_the_student_answers_as_if_the_queries_were_its_own(family, monkeypatch):
    """In training, where DINO has denoising queries, as in eval, where it has none."""
    student, teacher = build(family), build(family, queries=14)
    for module in student.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    ours, _, data = compare(student.train(), teacher)

    def of_the_teacher(*args, **kwargs) -> tuple:
        inputs, _ = teacher_inputs(*args, **kwargs)
        queries.update({k: v for k, v in inputs.items() if k in QUERIES})
        return inputs, {}

    def of_the_student(*args, **kwargs) -> tuple:
        inputs, _ = student_inputs(*args, **kwargs)
        return inputs | queries, {}

    queries: dict = {}
    teacher_inputs, student_inputs = teacher.pre_decoder, student.pre_decoder
    monkeypatch.setattr(teacher, 'pre_decoder', of_the_teacher)
    monkeypatch.setattr(student, 'pre_decoder', of_the_student)
    teacher(data['inputs'], data['data_samples'], mode='tensor')
    logits, boxes = student.eval()(data['inputs'], data['data_samples'], mode='tensor')
    torch.testing.assert_close(ours.logits, logits)
    torch.testing.assert_close(ours.boxes, boxes)


def test_the_hooks_are_gone_afterwards():
    student, teacher = build('dab'), build('dab')
    compare(student, teacher)
    assert not student.decoder._forward_pre_hooks
    assert not teacher.decoder._forward_pre_hooks


class OwnQueries(DINO):
    def pre_decoder(self, *args, **kwargs):
        raise NotImplementedError


def refuse(model: nn.Module, message: str) -> None:
    with refused(message):
        QueryHeads({}).check(model)


def test_other_detectors():
    refuse(
        MODELS.build(tiny_retinanet()),
        'losses on queries read mmdet.DABDETR, mmdet.DINO, mmdet.DeformableDETR and '
        'subclasses that do not override forward_transformer, pre_decoder, '
        'forward_decoder, but found RetinaNet in the student: use such a detector, or '
        'feature_losses alone',
    )


def test_a_subclass_with_queries_of_another_kind():
    model = MODELS.build(tiny_detector('dino'))
    model.__class__ = OwnQueries
    refuse(
        model,
        'losses on queries read mmdet.DABDETR, mmdet.DINO, mmdet.DeformableDETR and '
        'subclasses that do not override forward_transformer, pre_decoder, '
        'forward_decoder, but found OwnQueries in the student, which overrides '
        'pre_decoder: use such a detector, or feature_losses alone',
    )


def test_softmax_scores():
    model = MODELS.build(tiny_detector('dab'))
    model.bbox_head.loss_cls = nn.Module()
    model.bbox_head.loss_cls.use_sigmoid = False
    refuse(
        model,
        'losses on queries need sigmoid scores, but the class loss of the student, '
        'Module, has use_sigmoid=False',
    )


TWO_STAGE = {'as_two_stage': True, 'with_box_refine': True}


@pytest.mark.parametrize(
    'student, teacher, message',
    [
        (
            dict(family='deformable'),
            dict(family='deformable', width=64),
            'embed_dims must be equal, but the student has 32 and the teacher 64',
        ),
        (
            dict(family='dab', width=64),
            dict(family='dab'),
            'embed_dims must be equal, but the student has 64 and the teacher 32',
        ),
        (
            dict(family='deformable'),
            dict(family='dab'),
            'the class of the detector must be equal, but the student has '
            'mmdet.DeformableDETR and the teacher mmdet.DABDETR',
        ),
        (
            dict(family='deformable'),
            dict(family='deformable', change=TWO_STAGE),
            'the length of a reference point must be equal, but the student has 2 and '
            'the teacher 4',
        ),
    ],
)
def test_pairs_that_do_not_match(student, teacher, message):
    pair = (MODELS.build(config(**student)), MODELS.build(config(**teacher)))
    text = f"the student's decoder answers the teacher's queries, so {message}"
    with refused(f'{text}: use another teacher'):
        QueryHeads({}).match(*pair, TeacherClasses(None, lambda: None))


def config(family: str, change: dict | None = None, **size: int):
    found = tiny_detector(family, **size)
    found.update(change or {})
    return found


def test_another_number_of_classes():
    pair = (MODELS.build(tiny_detector('dab', classes=count)) for count in (3, 5))
    with pytest.raises(
        ValueError, match='student has 3 classes and the teacher 5 class'
    ):
        QueryHeads({}).match(*pair, TeacherClasses(None, lambda: None))
