"""Second stages on the student's proposals: who is asked what, and who is refused."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmengine.registry import MODELS
from refusals import refused
from tiny_detectors import tiny_detector
from torch import nn
from toys import photos, tiny_retinanet

from tskd_mm.models.heads.roi_heads import RoIHeads
from tskd_mm.models.teacher.teacher_classes import TeacherClasses

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def build(family: str = 'faster', change: Callable | None = None, **size) -> nn.Module:
    config = tiny_detector(family, **size)
    if change is not None:
        change(config)
    model = MODELS.build(config)
    for head in model.roi_head.bbox_head.modules():  # of one stage, or of several
        if isinstance(head, nn.Linear):
            nn.init.normal_(head.weight, std=0.3)
    return model


def compare(student: nn.Module, teacher: nn.Module, classes=None) -> tuple:
    """What both say about photographs, with all that the student's loss was given."""
    heads = RoIHeads({})
    heads.check(student)
    heads.match(student, teacher, TeacherClasses(classes, lambda: None))
    data = student.data_preprocessor(photos(masks=True), True)
    with heads.record(student) as seen:
        student.loss(data['inputs'], data['data_samples'])
    neck = teacher.eval().extract_feat(data['inputs'])
    found = heads.read(seen, student, teacher, neck, data['data_samples'])
    return found['student'], found['teacher'], seen, neck


@pytest.mark.parametrize('family, stages', [('faster', 1), ('mask', 1), ('cascade', 3)])
def test_both_are_asked_about_what_the_students_loss_sampled(family, stages):
    student, teacher = build(family), build(family)
    given = []
    for head in (
        student.roi_head.bbox_head if stages > 1 else [student.roi_head.bbox_head]
    ):

        def spy(cls_score, bbox_pred, rois, labels, *args, head=head, **kwargs):
            given.append((cls_score, bbox_pred, rois, labels))
            return type(head).loss(
                head, cls_score, bbox_pred, rois, labels, *args, **kwargs
            )

        head.loss = spy
    ours, theirs, _, neck = compare(student, teacher)
    assert len(ours) == len(theirs) == len(given) == stages
    for stage, (scores, deltas, rois, labels) in enumerate(given):
        where = [stage] if stages > 1 else []
        asked = teacher.roi_head._bbox_forward(*where, neck, rois)
        positive = np.flatnonzero(labels < 3)
        assert 0 < len(positive) < len(labels)
        for outputs, logits, boxes in (
            (ours[stage], scores, deltas),
            (theirs[stage], asked['cls_score'], asked['bbox_pred']),
        ):
            assert torch.equal(outputs.logits, logits)
            columns = [0 if stages > 1 else 4 * int(labels[i]) for i in positive]
            expected = [boxes[i, c : c + 4] for i, c in zip(positive, columns)]
            assert torch.equal(outputs.deltas, torch.stack(expected))
    assert all(x.logits.requires_grad and x.deltas.requires_grad for x in ours)
    assert not any(x.logits.requires_grad or x.deltas.requires_grad for x in theirs)


def test_other_classes_of_the_teacher_are_background():
    student, teacher = build(classes=3), build(classes=5)
    _, [theirs], [seen], neck = compare(student, teacher, classes=[4, 0, 2])
    asked = teacher.roi_head._bbox_forward(neck, seen['rois'])
    scores = asked['cls_score'].softmax(1)
    expected = torch.stack(
        [*scores[:, [4, 0, 2]].T, scores[:, [1, 3, 5]].sum(1)], dim=1
    )
    torch.testing.assert_close(theirs.logits.softmax(1), expected)
    positive = seen['labels'] < 3
    boxes = asked['bbox_pred'][positive].view(-1, 5, 4)
    kinds = [[4, 0, 2][label] for label in seen['labels'][positive]]
    expected = torch.stack([box[kind] for box, kind in zip(boxes, kinds)])
    assert torch.equal(theirs.deltas, expected)


def test_one_box_for_all_classes_goes_with_a_box_for_each():
    def shared(config) -> None:
        config.roi_head.bbox_head.reg_class_agnostic = True

    [ours], [theirs], [seen], _ = compare(build(), build(change=shared))
    assert ours.deltas.shape == theirs.deltas.shape
    assert len(ours.deltas) == (seen['labels'] < 3).sum() > 0


def test_a_cascade_whose_mask_heads_share_the_extractors_of_the_boxes():
    """They ask them about the positive proposals again, after the box heads."""

    def shared(config) -> None:
        config.roi_head.mask_roi_extractor = None
        for stage in config.train_cfg.rcnn:
            stage.mask_size = 14

    student = build('cascade', shared)
    ours, _, seen, _ = compare(student, build('cascade', shared))
    for stage, notes in zip(ours, seen, strict=True):
        assert len(notes['rois']) == len(stage.logits) > len(stage.deltas) > 0


def test_the_hooks_are_gone_afterwards():
    student = build()
    compare(student, build())
    head = student.roi_head
    for module in (head.bbox_roi_extractor, head.bbox_head, head.bbox_head.loss_cls):
        assert not module._forward_hooks and not module._forward_pre_hooks


def test_a_cascade_that_ends_early():
    """The host leaves the later stages out where no proposal is left."""
    heads = RoIHeads({})
    student, teacher = build('cascade'), build('cascade').eval()
    rois = torch.tensor([[0, 1.0, 1, 20, 20]])
    seen = [
        {'rois': rois, 'logits': torch.zeros(1, 4), 'deltas': torch.zeros(1, 4)},
        {},
        {},
    ]
    neck = teacher.extract_feat(torch.zeros(1, 3, 64, 64))
    found = heads.read(seen, student, teacher, neck, [])
    assert [len(found[role]) for role in ('student', 'teacher')] == [1, 1]


def test_double_precision_is_kept():
    seen = {'rois': torch.tensor([[0, 1.0, 1, 20, 20]])}
    for name in ('logits', 'deltas'):
        seen[name] = torch.zeros(1, 4).double()
    teacher = build().eval()
    neck = teacher.extract_feat(torch.zeros(1, 3, 64, 64))
    [found] = RoIHeads({}).read([seen], build(), teacher, neck, [])['student']
    assert found.logits.dtype == found.deltas.dtype == torch.float64


class OwnRoIHead(StandardRoIHead):
    def _bbox_forward(self, x, rois):
        raise NotImplementedError


class OwnBoxHead(Shared2FCBBoxHead):
    def forward(self, x):
        raise NotImplementedError


def own_head(model: nn.Module) -> None:
    model.roi_head.__class__ = OwnRoIHead


def own_box_head(model: nn.Module) -> None:
    model.roi_head.bbox_head.__class__ = OwnBoxHead


def other_roi_head(model: nn.Module) -> None:
    model.roi_head = nn.Linear(1, 1)


def no_boxes(model: nn.Module) -> None:
    model.roi_head.bbox_head.with_reg = False


ROI_HEADS = (
    'losses on RoI heads read mmdet.CascadeRoIHead, mmdet.StandardRoIHead and '
    'subclasses that do not override _bbox_forward, bbox_loss'
)
ADVICE = 'use such a detector, or feature_losses alone'


@pytest.mark.parametrize(
    'change, message',
    [
        (
            own_head,
            f'{ROI_HEADS}, but found OwnRoIHead in the student, which overrides '
            f'_bbox_forward: {ADVICE}',
        ),
        (
            own_box_head,
            'losses on box heads read mmdet.BBoxHead, mmdet.ConvFCBBoxHead and '
            'subclasses that do not override forward, but found OwnBoxHead in the '
            f'student, which overrides forward: {ADVICE}',
        ),
        (
            other_roi_head,
            f'{ROI_HEADS}, but found Linear in the student: {ADVICE}',
        ),
        (
            no_boxes,
            'losses on RoI heads need scores of each class and the background, and '
            'deltas, but the Shared2FCBBoxHead of the student has with_cls=True, '
            'with_reg=False and the class loss CrossEntropyLoss',
        ),
    ],
)
def test_heads_that_cannot_be_read(change, message):
    model = build()
    change(model)
    with refused(message):
        RoIHeads({}).check(model)


def test_a_single_stage_detector():
    message = (
        'losses on RoI heads compare detectors such as Faster, Mask and Cascade R-CNN, '
        'but RetinaNet, the student, has no roi_head'
    )
    with refused(message):
        RoIHeads({}).check(MODELS.build(tiny_retinanet()))


def test_coders_are_equal_whether_given_as_lists_or_tuples():
    def tuples(config) -> None:
        coder = config.roi_head.bbox_head.bbox_coder
        coder.update(target_means=(0, 0, 0, 0), target_stds=tuple(coder.target_stds))

    pair = build(), build(change=tuples)
    RoIHeads({}).match(*pair, TeacherClasses(None, lambda: None))


def half_deltas(config) -> None:
    config.roi_head.bbox_head.bbox_coder.target_stds = [0.05, 0.05, 0.1, 0.1]


@pytest.mark.parametrize(
    'teacher, message',
    [
        (
            dict(family='cascade'),
            'each stage is compared with one of the teacher, so the number of stages '
            'must be equal, but the student has 1 and the teacher 3: use a teacher '
            'with as many stages, and the same bbox_coder in each',
        ),
        (
            dict(change=half_deltas),
            'each stage is compared with one of the teacher, so the coder of stage 0 '
            "must be equal, but the student has {'type': 'DeltaXYWHBBoxCoder', "
            "'means': [0.0, 0.0, 0.0, 0.0], 'stds': [0.1, 0.1, 0.2, 0.2]} and the "
            "teacher {'type': 'DeltaXYWHBBoxCoder', 'means': [0.0, 0.0, 0.0, 0.0], "
            "'stds': [0.05, 0.05, 0.1, 0.1]}: use a teacher with as many stages, and "
            'the same bbox_coder in each',
        ),
    ],
)
def test_pairs_that_do_not_match(teacher, message):
    with refused(message):
        RoIHeads({}).match(
            build(), build(**teacher), TeacherClasses(None, lambda: None)
        )


def test_another_number_of_classes():
    classes = TeacherClasses(None, lambda: None)
    with pytest.raises(
        ValueError, match='student has 3 classes and the teacher 5 class'
    ):
        RoIHeads({}).match(build(), build(classes=5), classes)
