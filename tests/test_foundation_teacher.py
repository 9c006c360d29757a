"""Vision transformers, trained without labels, as teachers of a detector."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import Runner
from toys import run_config, scalars, tiny_retinanet

from tskd_mm.models import TSKDDistiller

ROOT = Path(__file__).resolve().parents[1]
SMALL = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)
RGB = dict(
    type='mmpretrain.ClsDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
MMPRETRAIN = dict(
    type='mmpretrain.ImageClassifier',
    data_preprocessor=RGB,
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch=SMALL,
        img_size=518,
        patch_size=14,
        layer_scale_init_value=1e-5,
        out_type='featmap',
    ),
)
TIMM = dict(
    type='mmpretrain.TimmClassifier',
    model_name='vit_tiny_patch16_224',
    data_preprocessor=RGB,
    embed_dim=24,
    depth=2,
    num_heads=2,
)


def dinov2(out_type: str) -> dict:
    teacher = copy.deepcopy(MMPRETRAIN)
    teacher['backbone']['out_type'] = out_type
    return teacher


@pytest.mark.parametrize(
    'teacher, tap, size, patch',
    [
        (dinov2('featmap'), 'backbone', (112, 140), 14),
        (dinov2('raw'), 'backbone', (112, 140), 14),
        (dinov2('cls_token'), 'backbone.ln1', (112, 140), 14),
        (TIMM, 'model.norm', (224, 224), 16),
    ],
    ids=['featmap', 'raw', 'cls_token', 'timm'],
)
def test_a_cycle_on_real_images(tmp_path, shared_data, teacher, tap, size, patch):
    if teacher is TIMM:
        pytest.importorskip('timm')
    root = shared_data / 'coco_tiny'
    data = dict(data_root=f'{root}/', ann_file='annotations/instances_train2017.json')
    config = run_config(tmp_path, data, epochs=4)
    dataset = config.train_dataloader.dataset
    dataset.update(data_prefix=dict(img='train2017/'), indices=4)
    dataset.metainfo = dict(classes=('person', 'car', 'dog'))
    resize = dict(type='Resize', scale=(128, 96), keep_ratio=True)
    dataset.pipeline.insert(2, resize)
    config.model.teacher = teacher  # update() would merge it into the former one
    config.model.update(
        teacher_taps=[tap] * 2,
        teacher_size=size,
        strides=[8, 16],
        feature_losses=dict(pkd=dict(type='PKDLoss', loss_weight=1.0)),
    )
    runner = Runner.from_cfg(config)
    runner.train()
    model = runner.model
    assert model.teacher.strides == [patch, patch]
    adapters = model.static_losses.features['pkd'].adapters
    assert [(a.in_channels, a.out_channels) for a in adapters] == [(16, 24)] * 2
    rows = scalars(tmp_path / 'work')
    assert all(row['loss_pkd'] > 0 for row in rows)
    assert [row.get('loss_review', 0) > 0 for row in rows] == [False] * 6 + [True] * 2


@pytest.mark.usefixtures('mmdet_scope')
def test_tokens_stand_where_their_patches_are():
    model = TSKDDistiller(
        tiny_retinanet(),
        dinov2('cls_token'),
        None,
        teacher_taps=['backbone.ln1'],
        strides=[8],
        teacher_size=(140, 196),
    )
    model.init_weights()
    teacher = model.teacher.model
    inputs = torch.rand(1, 3, 140, 196)
    seen = teacher.data_preprocessor({'inputs': inputs * 255})['inputs']
    [level] = model.teacher.tap.run(lambda: teacher(seen)).levels
    with torch.no_grad():
        teacher.backbone.out_type = 'raw'
        [raw] = teacher.backbone(seen)
        teacher.backbone.out_type = 'featmap'
        [expected] = teacher.backbone(seen)
    assert raw.shape == (1, 1 + 10 * 14, 24)
    assert torch.equal(level, expected)


@pytest.mark.usefixtures('mmdet_scope')
def test_the_recipe_names_published_weights():
    config = Config.fromfile(
        ROOT / 'configs' / 'tskd' / 'dinov2-s_to_retinanet_r50_coco.py'
    )
    config.model.student.backbone.init_cfg = None
    model = MODELS.build(config.model)
    source = model._find_teacher()
    place = '/mmpretrain/v1.0/dinov2/vit-small-p14_dinov2-pre'  # on each stack's server
    assert place in source.weights_in_index()
    adapters = model.static_losses.features['pkd'].adapters
    assert [(a.in_channels, a.out_channels) for a in adapters] == [(256, 384)] * 3
