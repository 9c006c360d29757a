"""Runs of a real Runner: to the end, resumed, and compared to the last bit."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import Runner
from toys import load_whole


class Watch(Hook):
    """Writes down what every step returned."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.rows.append({name: float(value) for name, value in outputs.items()})

    def column(self, name: str) -> list[float]:
        return [row[name] for row in self.rows if name in row]


@OPTIM_WRAPPERS.register_module(force=True)
class CPUAmpOptimWrapper(OptimWrapper):
    """As AmpOptimWrapper, which demands a GPU, in bfloat16."""

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield


def train(config: ConfigDict, *hooks: Hook) -> Runner:
    """Train to the end, watched by hooks."""
    runner = Runner.from_cfg(copy.deepcopy(config))
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    return runner


def watched(config: ConfigDict, *hooks: Hook) -> tuple[Runner, Watch]:
    """Train to the end; what every step returned comes with the runner."""
    return train(config, watch := Watch(), *hooks), watch


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


def check_resumed(
    config: ConfigDict, folder: Path, middle: str, last: str, *parts: str
) -> dict:
    """Train, resume in the middle, compare the ends; the checkpoint in the middle."""
    train(config)
    train(resumed(config, folder / 'work' / middle, folder / 'again'))
    whole, again = (load_whole(folder / run / last) for run in ('work', 'again'))
    for part in parts or ('state_dict', 'optimizer', 'tskd'):
        assert same(whole[part], again[part]), part
    return load_whole(folder / 'work' / middle)
