"""Runs of a real Runner: to the end, resumed, and compared to the last bit."""

import copy
from pathlib import Path

import torch
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.runner import Runner


def train(config: ConfigDict, *hooks: Hook) -> Runner:
    """Train to the end, watched by hooks."""
    runner = Runner.from_cfg(copy.deepcopy(config))
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    return runner


def saving(config: ConfigDict, interval: int = 1, **arguments: object) -> ConfigDict:
    """Save a checkpoint every epoch; what is resumed is computed in one order."""
    config.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=interval, **arguments
    )
    config.randomness.deterministic = True
    return config


def resumed(config: ConfigDict, checkpoint: Path, folder: Path) -> ConfigDict:
    """A copy that resumes a checkpoint and writes to another folder."""
    config = copy.deepcopy(config)
    config.update(resume=True, load_from=str(checkpoint))
    config.update(work_dir=str(folder), experiment_name=f'{folder}{checkpoint.stem}')
    return config


def same(a: object, b: object) -> bool:
    """Equal to the last bit, through dicts and lists."""
    if torch.is_tensor(a):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b
