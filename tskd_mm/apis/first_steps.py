"""Tries the first steps of a training: their losses, time and memory."""

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import cycle
from typing import Any, NamedTuple

import torch
from mmengine.runner import Runner
from torch import Tensor

from ..engine.schedule.run_timeline import timeline_of
from ..models.distillers.tskd_distiller import TSKDDistiller

SLOW = 5  # seconds


class TrialStep(NamedTuple):
    """What a training step showed.

    Attributes:
        losses: By name, with their sum as ``'loss'``.
        seconds: From asking for the batch to the end of the optimizer's step.
        memory: Peak of the GPU in bytes; 0 on a CPU.
    """

    losses: dict[str, float]
    seconds: float
    memory: int


def try_steps(runner: Runner, model: TSKDDistiller) -> dict[str, list[str]]:
    """Train for a few steps, then for a few in a review.

    The runner is not one to train with after that: weights, optimizer, memories and
    random state have moved on.

    Args:
        runner: Before its first step.
        model: The runner's, out of its wrapper.

    Returns:
        Lines for a panel by their label.
    """
    timeline, batches = timeline_of(runner), cycle(runner.train_dataloader)
    runner.model.train()
    steps = [_try_phase(runner, model, 'general', batches)]
    losses = [loss_line(steps[0].losses)]
    if timeline is None:
        left = [runner.max_iters - runner.iter]
    else:
        note = _fill_memories(model, timeline.schedule.num_slots)
        steps.append(_try_phase(runner, model, 'review', batches))
        value = steps[1].losses['loss_review']
        losses.append(f'in a review: loss_review {value:.4g}{note}')
        left = [*timeline.split(timeline.position(runner))]
    seconds = [step.seconds for step in steps]
    return {
        'first step': losses,
        'time': [time_line(seconds, sum(n * s for n, s in zip(left, seconds)))],
        'memory': _memory_lines(model, [step.memory for step in steps]),
    }


def loss_line(losses: dict[str, float]) -> str:
    """Every term, then the sum that is called ``loss``; mmengine adds these keys."""
    terms = [f'{k} {v:.4g}' for k, v in losses.items() if 'loss' in k and k != 'loss']
    return f'{", ".join(terms)}; sum {losses["loss"]:.4g}'


def time_line(seconds: list[float], total: float) -> str:
    """Seconds of an iteration, and in a review if there are any; to the end."""
    kinds = ('an iteration', 'in a review')
    parts = [f'{s:.2f} s {kind}' for s, kind in zip(seconds, kinds)]
    left = timedelta(seconds=round(total))
    return f'{", ".join(parts)}; about {left} to the end, without validation'


def _try_phase(
    runner: Runner, model: TSKDDistiller, phase: Any, batches: Iterator[Any]
) -> TrialStep:
    """Losses of the first step; time of a second where it is cheap, being warm."""
    model.phase = phase
    step = _try_step(runner, batches)
    if step.seconds > SLOW:
        return step
    return _try_step(runner, batches)._replace(losses=step.losses)


def _try_step(runner: Runner, batches: Iterator[Any]) -> TrialStep:
    on_gpu = next(runner.model.parameters()).is_cuda
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    losses = runner.model.train_step(next(batches), runner.optim_wrapper)
    if on_gpu:
        torch.cuda.synchronize()
    return TrialStep(
        losses={name: float(value) for name, value in losses.items()},
        seconds=time.perf_counter() - start,
        memory=torch.cuda.max_memory_allocated() if on_gpu else 0,
    )


def _fill_memories(model: TSKDDistiller, num_slots: int) -> str:
    """The present student stands in for a past that is not there yet."""
    if model.bank is None or len(model.bank.slots) == num_slots:
        return ''
    for slot in range(num_slots):
        model.memorize(slot)
    return ' (before there is any history)'


def _memory_lines(model: TSKDDistiller, peaks: list[int]) -> list[str]:
    teacher = model.require_teacher().model
    parts = [f'teacher {_megabytes(teacher.state_dict().values())}']
    slots = [*model.bank.slots.values()] if model.bank else []
    if slots:
        parts.append(f'{len(slots)} memories of {_megabytes(slots[0].values())}')
    lines = [', '.join(parts)]
    if peaks[0]:
        device = torch.cuda.current_device()
        whole = torch.cuda.get_device_properties(device).total_memory / 1e9
        found = ', in a review '.join(f'{peak / 1e9:.1f} GB' for peak in peaks)
        lines.append(f'peak {found}, of {whole:.0f} GB')
    return lines


def _megabytes(tensors: Iterable[Tensor]) -> str:
    return f'{sum(t.numel() * t.element_size() for t in tensors) / 1e6:.1f} MB'
