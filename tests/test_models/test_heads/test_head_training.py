"""Runs with head losses: checkpoints, resuming, averages of the weights."""

from pathlib import Path

import pytest
import torch
from dense_detectors import LOSSES, dense_detector
from mmengine.config import ConfigDict
from mmengine.registry import MODELS
from mmengine.runner import Runner
from toys import load_whole, run_config, same_tensors


@pytest.fixture
def teacher(tmp_path: Path) -> str:
    torch.manual_seed(1)
    model = MODELS.build(dict(_scope_='mmdet', **dense_detector('GFL')))
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'teacher.pth')
    return str(tmp_path / 'teacher.pth')


def config(folder: Path, data: dict, teacher: str, **model: object) -> ConfigDict:
    """GFL, two epochs of two steps."""
    found = run_config(folder, data, epochs=2)
    found.model = dict(
        type='TSKDDistiller',
        student=dense_detector('GFL'),
        teacher=dense_detector('GFL'),
        teacher_checkpoint=teacher,
        feature_losses={},
        **({'head_losses': LOSSES, 'review': None} | model),
    )
    found.custom_hooks = [dict(type='DistillationHook', preflight=False)]
    return found


def train(config: ConfigDict, resume: str | None = None) -> dict:
    """Where the run ended."""
    if resume:
        config.update(resume=True, load_from=resume)
    Runner.from_cfg(config).train()
    return load_whole(Path(config.work_dir) / 'epoch_2.pth')


def test_a_resumed_run_ends_as_one_that_went_through(tmp_path, data, teacher):
    through = config(tmp_path / 'through', data, teacher)
    expected = train(through)
    plain = MODELS.build(dict(_scope_='mmdet', **dense_detector('GFL')))
    plain.load_state_dict(expected['state_dict'], strict=True)
    again = config(tmp_path / 'again', data, teacher)
    found = train(again, f'{through.work_dir}/epoch_1.pth')
    assert same_tensors(found['state_dict'], expected['state_dict'])


def test_a_run_without_head_losses_goes_on_with_them(tmp_path, data, teacher):
    """They have no state; an earlier release saved none either."""
    before = config(tmp_path / 'before', data, teacher, head_losses=None)
    without = train(before)
    after = config(tmp_path / 'after', data, teacher)
    found = train(after, f'{before.work_dir}/epoch_1.pth')
    assert found['tskd'].keys() == without['tskd'].keys()
    assert not same_tensors(found['state_dict'], without['state_dict'])


def test_averages_and_a_review_go_with_head_losses(tmp_path, data, teacher):
    mixed = config(tmp_path, data, teacher, review=dict())
    mixed.train_cfg.max_epochs = 4
    mixed.custom_hooks = [
        dict(type='TSKDMemoryHook', interval=1, preflight=False),
        dict(type='EMAHook', momentum=0.1),
    ]
    Runner.from_cfg(mixed).train()
    saved = load_whole(Path(mixed.work_dir) / 'epoch_4.pth')
    plain = MODELS.build(dict(_scope_='mmdet', **dense_detector('GFL')))
    plain.load_state_dict(saved['state_dict'], strict=True)
    # The averages are what is tested; the weights themselves are kept for resuming.
    assert 'ema_state_dict' in saved
