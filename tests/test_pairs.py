"""Pairs that do not match, and what host models can ask for."""

import pytest
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import OptimWrapper
from toys import photos, tiny_retinanet

from tskd_mm.models import TSKDDistiller

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def ready(model: TSKDDistiller) -> TSKDDistiller:
    model.init_weights()
    model.train().memorize(0)
    model.phase = 'review'
    return model


def step(model: TSKDDistiller, data: dict) -> dict:
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 1e-4))
    losses = model.train_step(data, optimizer)
    assert all(torch.isfinite(value) for value in losses.values())
    return losses


@pytest.mark.parametrize(
    'backbone',
    [
        dict(with_cp=True),
        dict(norm_cfg=dict(type='SyncBN', requires_grad=True), norm_eval=False),
        dict(norm_cfg=dict(type='GN', num_groups=2, requires_grad=True)),
        dict(frozen_stages=-1, norm_eval=False),
    ],
    ids=['checkpointing', 'SyncBN', 'GN', 'live BN'],
)
def test_a_student_reviews_with_the_options_of_host_backbones(backbone):
    student = tiny_retinanet(**backbone)
    model = TSKDDistiller(student, tiny_retinanet(width=12), None)
    model = ready(revert_sync_batchnorm(model))
    before = {k: v.clone() for k, v in model.bank.slots[0].items()}
    losses = step(model, photos())
    assert losses['loss_review'] > 0
    assert all(torch.equal(v, before[k]) for k, v in model.bank.slots[0].items())


def test_one_image_without_objects_is_reviewed():
    model = ready(TSKDDistiller(tiny_retinanet(), tiny_retinanet(width=12), None))
    data = demo_mm_inputs(1, [[3, 65, 190]], num_items=[0])
    assert len(data['data_samples'][0].gt_instances) == 0
    assert step(model, data)['loss_review'] > 0


def test_a_backbone_of_mmpretrain_and_other_classes_take_a_step():
    student = tiny_retinanet(classes=3)
    student.backbone = dict(
        type='mmpretrain.MobileNetV2', widen_factor=0.25, out_indices=(1, 2, 4, 6)
    )
    student.neck.in_channels = [8, 8, 24, 80]
    model = ready(TSKDDistiller(student, tiny_retinanet(classes=7), None))
    step(model, demo_mm_inputs(2, [[3, 96, 128]] * 2, num_classes=3))


def test_a_teacher_of_other_strides_needs_strides():
    student = tiny_retinanet()
    student.neck.update(start_level=0, num_outs=4, add_extra_convs=False)
    student.bbox_head.anchor_generator.strides = [4, 8, 16, 32]
    pair = (student, tiny_retinanet(width=12), None)
    with pytest.raises(ValueError, match=r'set strides=\[8, 16, 32\]$'):
        TSKDDistiller(*pair)
    model = ready(TSKDDistiller(*pair, strides=[8, 16, 32]))
    assert len(model.review.predictors) == 3
    inputs = torch.randn(2, 3, 128, 128)
    assert [f.shape[-1] for f in model.teacher(inputs, None).levels] == [16, 8, 4]
    step(model, photos())


@pytest.mark.parametrize('divisors', [(1, 32), (128, 32)])
def test_teacher_that_pads_and_normalises_by_rules_of_its_own(divisors):
    """Cells are cut off or left empty; none is moved."""
    student, teacher = tiny_retinanet(), tiny_retinanet(width=12)
    for config, divisor in zip((student, teacher), divisors):
        config.data_preprocessor.pad_size_divisor = divisor
    caffe = dict(mean=[103.53, 116.28, 123.675], std=[1.0] * 3, bgr_to_rgb=False)
    teacher.data_preprocessor.update(caffe)
    model = ready(TSKDDistiller(student, teacher, None))
    shapes = [[3, 75, 178], [3, 99, 111]]
    data = model.data_preprocessor(demo_mm_inputs(2, shapes), training=True)
    ours = model.tap.run(lambda: model.student(data['inputs'])).levels
    found = model.teacher(data['inputs'], data['data_samples']).levels
    alone = model.teacher.model
    own = alone.data_preprocessor(demo_mm_inputs(2, shapes), training=False)
    with torch.no_grad():
        expected = alone.extract_feat(own['inputs'])
    for mine, level, whole in zip(ours, found, expected, strict=True):
        assert level.shape[2:] == mine.shape[2:]
        height, width = (min(pair) for pair in zip(level.shape[2:], whole.shape[2:]))
        difference = level[..., :height, :width] - whole[..., :height, :width]
        assert difference.abs().max() <= 1e-4 * whole.abs().max()
        assert (level[:, :, height:] == 0).all()
        assert (level[..., width:] == 0).all()
    assert step(model, demo_mm_inputs(2, shapes, num_classes=3))['loss_review'] > 0


def test_teacher_that_sees_larger_images():
    """The student is shown 416 pixels, its teacher 640."""
    pair = tiny_retinanet(), tiny_retinanet(width=12)
    model = ready(TSKDDistiller(*pair, None, teacher_size=(640, 640)))
    data = demo_mm_inputs(1, [[3, 416, 416]], num_classes=3)
    batch = model.data_preprocessor(data, training=True)
    levels = model.teacher(batch['inputs'], batch['data_samples']).levels
    large = torch.nn.functional.interpolate(
        batch['inputs'], (640, 640), mode='bilinear', align_corners=False
    )
    with torch.no_grad():
        expected = model.teacher.model.extract_feat(large)
    for level, whole in zip(levels, expected, strict=True):
        assert (level - whole).abs().max() <= 1e-4 * whole.abs().max()
    assert [tuple(level.shape[2:]) for level in levels[:2]] == [(80, 80), (40, 40)]
    losses = step(model, demo_mm_inputs(1, [[3, 416, 416]], num_classes=3))
    assert losses['loss_pkd'] > 0
    assert losses['loss_review'] > 0


@pytest.mark.parametrize('channels', [(1, 1), (4, 4), (1, 3)])
def test_images_of_other_channels(channels):
    """Four are made up: colour and infrared."""
    pair = tiny_retinanet(), tiny_retinanet(width=12)
    for config, count in zip(pair, channels):
        config.backbone.in_channels = count
        if count != 3:
            config.data_preprocessor.update(mean=[110.0], std=[60.0], bgr_to_rgb=False)
    model = ready(TSKDDistiller(*pair, None))
    assert model.inspection.image_channels == channels[0]
    data = demo_mm_inputs(2, [[channels[0], 64, 96]] * 2, num_classes=3)
    assert step(model, data)['loss_review'] > 0


def test_teacher_of_images_with_other_channels():
    student = tiny_retinanet(in_channels=4)
    student.data_preprocessor.update(mean=[110.0], std=[60.0], bgr_to_rgb=False)
    with pytest.raises(ValueError, match='have 4 channels, but the teacher takes 3'):
        TSKDDistiller(student, tiny_retinanet(width=12), None)
