"""Pairs that do not match, and what host models can ask for."""

from pathlib import Path

import pytest
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from toys import photos, tiny_retinanet

from tskd_mm.models import TSKDDistiller
from tskd_mm.models.features.level_match import fit_size
from tskd_mm.models.loading.model_config import find_model

ROOT = Path(__file__).resolve().parents[1]

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


def test_a_caffe_teacher_sees_its_own_normalisation():
    config = Config.fromfile(
        ROOT / 'configs' / 'tskd' / 'fcos_r101_to_retinanet_r50_coco.py'
    )
    init_default_scope('mmdet')
    teacher = find_model(config.model.teacher, 'teacher').config
    for part in (config.model.student, teacher):
        part['backbone'].update(depth=50, init_cfg=None)
    config.model.update(teacher=teacher, teacher_checkpoint=None)
    model = MODELS.build(config.model)
    model.init_weights()
    shapes = [[3, 96, 128], [3, 128, 64]]
    data = model.data_preprocessor(demo_mm_inputs(2, shapes), training=True)
    inside = model.teacher(data['inputs'], data['data_samples']).levels

    alone = model.teacher.model
    own = alone.data_preprocessor(demo_mm_inputs(2, shapes), training=True)
    assert not torch.allclose(own['inputs'], data['inputs'])
    with torch.no_grad():
        outside = alone.extract_feat(own['inputs'])
    for one, other in zip(inside, outside, strict=True):
        assert (one - other).abs().max() <= 1e-4 * other.abs().max()


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


def test_the_review_loss_of_a_padded_batch_is_that_of_its_images():
    """That of the images alone, but for convolutions that reach over the border."""
    torch.manual_seed(0)
    model = ready(TSKDDistiller(tiny_retinanet(), tiny_retinanet(width=12), None))
    with torch.no_grad():
        for parameter in model.student.backbone.parameters():
            parameter.mul_(1.1)
    data = photos(scale=4)
    both = review_loss(model, data)
    alone = [
        review_loss(
            model,
            {'inputs': [data['inputs'][i]], 'data_samples': [data['data_samples'][i]]},
        )
        for i in range(2)
    ]
    assert both == pytest.approx(sum(alone) / 2, rel=0.01), (both, alone)


def review_loss(model: TSKDDistiller, data: dict) -> float:
    batch = model.data_preprocessor(data, training=True)
    return float(model.loss(batch['inputs'], batch['data_samples'])['loss_review'])


@pytest.mark.parametrize('divisors', [(1, 32), (128, 32)])
def test_teacher_that_pads_by_a_rule_of_its_own(divisors):
    """Cells are cut off or left empty; none is moved."""
    student, teacher = tiny_retinanet(), tiny_retinanet(width=12)
    for config, divisor in zip((student, teacher), divisors):
        config.data_preprocessor.pad_size_divisor = divisor
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


def test_the_same_teacher_at_another_size_sees_the_same():
    """Made up: a smooth picture, so that its size hardly matters."""
    torch.manual_seed(0)
    pair = tiny_retinanet(), tiny_retinanet(width=12)
    small, large = (
        ready(TSKDDistiller(*pair, None, teacher_size=size))
        for size in (None, (256, 384))
    )
    large.teacher.model.load_state_dict(small.teacher.model.state_dict())
    coarse = torch.rand(1, 3, 4, 6) * 4
    inputs = torch.nn.functional.interpolate(coarse, (128, 192), mode='bicubic')
    ours, theirs = (model.teacher(inputs, None).levels for model in (small, large))
    for same, other in zip(ours[:1], theirs[:1]):
        resized = fit_size(other, same)
        similarity = torch.nn.functional.cosine_similarity(
            resized.flatten(), same.flatten(), dim=0
        )
        shifted = torch.nn.functional.cosine_similarity(
            resized.roll(2, dims=3).flatten(), same.flatten(), dim=0
        )
        assert similarity > max(0.8, shifted)


@pytest.mark.parametrize('channels', [1, 4])
def test_images_of_other_channels(channels):
    """Four are made up: colour and infrared."""
    student, teacher = tiny_retinanet(), tiny_retinanet(width=12)
    for config, mean in ((student, 110.0), (teacher, 100.0)):
        config.backbone.in_channels = channels
        config.data_preprocessor.update(mean=[mean], std=[60.0], bgr_to_rgb=False)
    model = ready(TSKDDistiller(student, teacher, None))
    assert model.inspection.image_channels == channels
    data = demo_mm_inputs(2, [[channels, 64, 96]] * 2, num_classes=3)
    assert step(model, data)['loss_review'] > 0


def test_colour_teacher_of_a_grey_student():
    student = tiny_retinanet(in_channels=1)
    student.data_preprocessor.update(mean=[110.0], std=[60.0], bgr_to_rgb=False)
    model = ready(TSKDDistiller(student, tiny_retinanet(width=12), None))
    step(model, demo_mm_inputs(2, [[1, 64, 96]] * 2, num_classes=3))


def test_teacher_of_images_with_other_channels():
    student = tiny_retinanet(in_channels=4)
    student.data_preprocessor.update(mean=[110.0], std=[60.0], bgr_to_rgb=False)
    with pytest.raises(ValueError, match='have 4 channels, but the teacher takes 3'):
        TSKDDistiller(student, tiny_retinanet(width=12), None)
