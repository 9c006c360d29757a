"""Tries an ordinary step and a step of a review, and tells what they showed."""

import time
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import IterableDataset

from ...models.distillers.tskd_distiller import TSKDDistiller
from ...models.teacher.frozen_teacher import FrozenTeacher
from ..schedule.run_timeline import RunTimeline
from .lines import loss_line, megabytes, tap_lines, time_line
from .samples import batch_size, sample_images
from .trial_step import TrialStep, try_step

SLOW = 5  # seconds
Rows = dict[str, list[str]]


def try_phases(
    runner: Runner,
    model: TSKDDistiller,
    teacher: FrozenTeacher,
    plan: RunTimeline | None,
) -> Rows:
    """Lines about taps, losses, time and memory, by their label.

    Args:
        runner: About to train.
        model: The runner's, to be left :func:`untouched`.
        teacher: The model's.
        plan: None if there are no reviews.
    """
    loader = runner.train_dataloader
    if isinstance(loader.dataset, IterableDataset):
        name = type(loader.dataset).__name__
        return {'first step': [f'not tried: {name} can only be iterated']}
    if getattr(runner.model, 'static_graph', False):
        # A backward pass that it does not expect would end its averages, unnoticed.
        return {
            'first step': ['not tried: DDP with static_graph counts backward passes']
        }
    start = time.perf_counter()
    batch = loader.collate_fn(sample_images(loader, batch_size(loader)))
    loading = (time.perf_counter() - start) / max(1, loader.num_workers)
    step = _try_warm(runner, model, teacher, batch)
    rows = {
        'taps': tap_lines(
            (model.tap, step.student), (teacher.tap, step.teacher), model.strides
        ),
        'first step': [loss_line(step.losses)],
    }
    review = None
    if plan is not None:
        with_history = _fill_memories(model, plan.schedule.num_slots)
        model.phase = 'review'
        review = _try_warm(runner, model, teacher, batch)
        note = '' if with_history else ' (before there is any history)'
        value = f'loss_review {review.losses["loss_review"]:.4g}{note}'
        rows['first step'].append(f'in a review: {value}')
    rows['time'] = [_time(runner, step, review, plan, loading, loader.num_workers)]
    rows['memory'] = _memory(model, teacher, step, review)
    return rows


def _try_warm(*about: Any) -> TrialStep:
    """A second step, where it is cheap: the first of its kind takes longer.

    All processes take equally many, since in each they wait for one another.
    """
    step = try_step(*about)
    slowest = torch.tensor(step.seconds)
    all_reduce(slowest, 'max')
    return step if slowest > SLOW else try_step(*about)


def _fill_memories(model: TSKDDistiller, num_slots: int) -> bool:
    """Whether they were there; else the present student stands in for its past."""
    if model.bank is None or len(model.bank.slots) == num_slots:
        return True
    for slot in range(num_slots):
        model.memorize(slot)
    return False


def _time(
    runner: Runner,
    step: TrialStep,
    review: TrialStep | None,
    plan: RunTimeline | None,
    loading: float,
    workers: int,
) -> str:
    def whole(seconds: float) -> float:
        """Workers load while the model computes."""
        return max(seconds, loading) if workers else seconds + loading

    ordinary = whole(step.seconds)
    if review is None or plan is None:
        epochs = isinstance(runner.train_loop, EpochBasedTrainLoop)
        done = runner.epoch * len(runner.train_dataloader) if epochs else runner.iter
        return time_line(ordinary, None, ordinary * (runner.max_iters - done))
    reviewing = whole(review.seconds)
    counts = plan.split(plan.position(runner))
    total = ordinary * counts[0] + reviewing * counts[1]
    return time_line(ordinary, reviewing, total)


def _memory(
    model: TSKDDistiller,
    teacher: FrozenTeacher,
    step: TrialStep,
    review: TrialStep | None,
) -> list[str]:
    parts = [f'teacher {megabytes([*teacher.model.state_dict().values()])}']
    slots = model.bank.slots if model.bank else {}
    if slots:
        [first, *_] = slots.values()
        parts.append(f'{len(slots)} memories of {megabytes([*first.values()])}')
    lines = [', '.join(parts)]
    if step.memory:
        device = torch.cuda.current_device()
        whole = torch.cuda.get_device_properties(device).total_memory / 1e9
        peak = f'peak {step.memory / 1e9:.1f} GB'
        if review is not None:
            peak += f', in a review {review.memory / 1e9:.1f} GB'
        lines.append(f"{peak}, of {whole:.0f} GB; the optimizer's state comes on top")
    return lines
