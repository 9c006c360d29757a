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
    model = TSKDDistiller(*pair)
    with pytest.raises(ValueError, match=r'set strides=\[8, 16, 32\]$'):
        model.init_weights()
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
