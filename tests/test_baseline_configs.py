"""Every baseline's config builds and takes a step; nothing but the loss differs."""

from pathlib import Path

import pytest
import torch
from mmdet.models import DetDataPreprocessor
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, init_default_scope
from test_configs import build, copy_of, images, moved
from toys import detection_batch

from tskd_mm.models.features.feature_tap import Features
from tskd_mm.models.losses.loss_collection import LossCollection

FOLDER = Path(__file__).resolve().parents[1] / 'configs' / 'baselines'
CONFIGS = sorted(FOLDER.glob('*.py'))
COCO, CIFAR = 'retinanet_r101_to_r50_coco', 'resnet56_to_resnet20_cifar100'
TYPES = {
    'attention': 'AttentionTransferLoss',
    'fitnet': 'FitNetLoss',
    'reviewkd': 'ReviewKDLoss',
    'kd': 'LogitKLLoss',
    'kd-standardized': 'LogitKLLoss',
}
DETECTION = {'attention', 'fitnet', 'reviewkd', 'cwd', 'pkd', 'mgd', 'fgd'}


def ends(pair: str) -> list[Path]:
    return [path for path in CONFIGS if path.stem.endswith(f'_{pair}')]


def test_there_is_a_config_for_each_loss():
    def losses(pair: str) -> set[str]:
        return {path.stem.partition('_')[0] for path in ends(pair)}

    assert losses(COCO) == losses('retinanet_digits') == DETECTION
    assert losses(CIFAR) == (DETECTION - {'fgd'}) | {'kd', 'kd-standardized', 'dkd'}
    assert len(CONFIGS) == 7 + 7 + 9


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_a_config_is_short_and_changes_the_distillation_alone(path: Path):
    lines = [line for line in path.read_text().splitlines() if line]
    assert 2 <= len(lines) <= 6
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
    'path', [*ends('retinanet_digits'), *ends(CIFAR)], ids=lambda path: path.stem
)
def test_a_baseline_takes_a_step(path: Path):
    config, model = build(path)
    data = images(config.default_scope, 32 if CIFAR in path.stem else 96, False)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 1e-4))
    teacher, beside = copy_of(model.teacher.model), copy_of(model.static_losses)
    model.phase = 'general'
    losses = model.train_step(data, optimizer)
    assert all(torch.isfinite(value) for value in losses.values())
    [ratio] = [name for name in losses if name.startswith('ratio_')]
    assert losses[ratio] > 0
    assert moved(beside, model.static_losses) == bool(beside)
    assert not moved(teacher, model.teacher.model)


@pytest.mark.parametrize('path', ends(COCO), ids=lambda path: path.stem)
def test_the_losses_of_the_coco_pair_train_every_level(path: Path):
    """On features of RetinaNet's width: the models themselves are in test_configs."""
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
