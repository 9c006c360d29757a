"""Baselines differ in nothing but the loss; test_configs.py trains them a step."""

from pathlib import Path

import pytest
import torch
from doc_blocks import ROOT
from mmdet.models import DetDataPreprocessor
from mmengine.config import Config
from mmengine.registry import HOOKS, init_default_scope
from toys import detection_batch

from tskd_mm.models.features.feature_tap import Features
from tskd_mm.models.losses.loss_collection import LossCollection

FOLDER = ROOT / 'configs' / 'baselines'
CONFIGS = sorted(FOLDER.glob('*.py'))
TYPES = {
    'attention': 'AttentionTransferLoss',
    'fitnet': 'FitNetLoss',
    'reviewkd': 'ReviewKDLoss',
    'kd': 'LogitKLLoss',
    'kd-standardized': 'LogitKLLoss',
}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_a_config_changes_the_distillation_alone(path: Path):
    pair = path.stem.partition('_')[2]
    ours, outline = (
        Config.fromfile(file).to_dict() for file in (path, FOLDER / f'_base_/{pair}.py')
    )
    assert ours['model'].pop('review') is None
    allowed = {'model', 'custom_hooks', 'optim_wrapper'}
    for key in outline.keys() - allowed:
        assert ours[key] == outline[key], key
    ours['optim_wrapper'].pop('clip_grad', None)
    outline['optim_wrapper'].pop('clip_grad', None)
    assert ours['optim_wrapper'] == outline['optim_wrapper']
    hooks = [HOOKS.build(hook) for hook in ours['custom_hooks']]
    assert type(hooks[0]).__name__ == 'DistillationHook'
    model = ours['model']
    losses = {**model['feature_losses'], **(model.get('logit_losses') or {})}
    names = {*losses}
    assert len(names) == 1
    method = path.stem.partition('_')[0]
    expected = TYPES.get(method, f'{method.upper()}Loss')
    assert [loss['type'] for loss in losses.values()] == [expected]
    for hook in hooks[1:]:
        assert set(hook.weights) == names
        assert [hook.weights[n].factor(19) for n in names] == [1]


@pytest.mark.parametrize(
    'path', sorted(FOLDER.glob('*_coco.py')), ids=lambda path: path.stem
)
def test_the_losses_of_the_coco_pair_train_every_level(path: Path):
    """On features of RetinaNet's width: the models themselves are those of a recipe."""
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    count = len(config.model.get('strides', range(5)))
    sizes = [(12 - 2 * level, 10 - level) for level in range(count)]
    channels = [256] * count
    torch.manual_seed(0)
    losses = LossCollection(config.model.feature_losses, None, channels, channels)
    student, teacher = (
        Features([torch.randn(2, 256, *size, requires_grad=True) for size in sizes])
        for _ in range(2)
    )
    _, samples = detection_batch(DetDataPreprocessor(), ((96, 80), (96, 80)))
    [loss] = losses(student, teacher, [None] * count, samples).values()
    loss.backward()
    assert loss > 0
    assert all(level.grad.abs().sum() > 0 for level in student.levels)
