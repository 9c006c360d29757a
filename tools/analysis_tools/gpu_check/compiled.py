"""Section ``compile``: a training under ``torch.compile`` next to an eager one."""

import time
from collections import Counter
from typing import Any

import torch._dynamo
from torch._dynamo.utils import counters

from .check import Check
from .runners import build_runner, step_log
from .small_trainings import small_training

PHASES = ('memorize', 'general', 'review')


def compiled(check: Check, names: list[str]) -> None:
    """Compare losses and times of both."""
    for name in names or ('cifar', 'retinanet'):
        torch._dynamo.reset()
        with check.guard(name):
            logs = {way: _train(check, name, way) for way in ('eager', 'compiled')}
            graphs = dict(counters['stats'])
            breaks = Counter({k[:140]: v for k, v in counters['graph_break'].items()})
            check.record(f'{name} graphs', graphs=graphs, breaks=breaks.most_common(12))
            pairs = [*zip(*logs.values())]
            check.record(
                f'{name} equal',
                largest_relative={p: _largest(pairs, p) for p in PHASES},
                same_names=all(
                    a['losses'].keys() == b['losses'].keys() for a, b in pairs
                ),
            )


def _train(check: Check, name: str, way: str) -> list[dict[str, Any]]:
    config = small_training(check, name, workers=0).config
    config.train_cfg.val_interval = 100
    config.default_hooks.checkpoint.interval = 100
    config.custom_hooks[0].preflight = False
    config.train_dataloader.drop_last = True
    for step in config.train_dataloader.dataset.pipeline:
        if step['type'] == 'Resize':
            step['keep_ratio'] = False  # one shape: every other would be compiled anew
    config.compile = way == 'compiled'
    begin = time.perf_counter()
    runner = build_runner(config, check.work / f'{name}_{way}', deterministic=False)
    runner.train()
    rows = step_log(runner).rows
    last = {p: [r['seconds'] for r in rows if r['phase'] == p][-6:] for p in PHASES}
    seconds = round(time.perf_counter() - begin, 1)
    check.record(f'{name} {way}', seconds=seconds, steps=last)
    return rows


def _largest(pairs: list[tuple[dict, dict]], phase: str) -> float | None:
    losses = [
        (a['losses']['loss'], b['losses']['loss'])
        for a, b in pairs
        if a['phase'] == phase
    ]
    return max((abs(a - b) / abs(a) for a, b in losses), default=None)
