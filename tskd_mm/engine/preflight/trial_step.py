"""One training step on trial: losses, shapes, time and memory."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.dist import barrier
from mmengine.runner import Runner

from ...models.distillers.tskd_distiller import TSKDDistiller
from ...models.features.feature_tap import Features
from ...models.teacher.frozen_teacher import FrozenTeacher


@dataclass
class TrialStep:
    """What one step showed.

    Attributes:
        losses: By name, with their sum.
        seconds: Of forward and backward.
        memory: Peak of the GPU in bytes; 0 on a CPU.
        student: Features of the student; empty in a review.
        teacher: Features of the teacher; empty in a review.
    """

    losses: dict[str, float]
    seconds: float
    memory: int
    student: Features
    teacher: Features


def try_step(
    runner: Runner, model: TSKDDistiller, teacher: FrozenTeacher, batch: Any
) -> TrialStep:
    """Forward and backward in the phase of the model; no step of the optimizer.

    Every process must take part: heads and batch norm may talk to each other.

    Args:
        runner: Its precision is used.
        model: The runner's, out of its wrapper, to be left :func:`untouched`.
        teacher: The model's.
        batch: As from the data loader.
    """
    model.train()
    model.zero_grad()  # those of the step before would count as memory
    device = next(model.parameters()).device
    on_gpu = device.type == 'cuda'
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
        torch.cuda.synchronize(device)
    barrier()  # the wait for a later process is no part of a step
    start = time.perf_counter()
    with runner.optim_wrapper.optim_context(runner.model):
        data = model.data_preprocessor(deepcopy(batch), True)
        with _features(model, teacher) as (ours, theirs):
            losses = model(**data, mode='loss')
        total, values = model.parse_losses(losses)
    total.backward()
    if on_gpu:
        torch.cuda.synchronize(device)
    return TrialStep(
        losses={name: value.item() for name, value in values.items()},
        seconds=time.perf_counter() - start,
        memory=torch.cuda.max_memory_allocated(device) if on_gpu else 0,
        student=ours,
        teacher=theirs,
    )


@contextmanager
def _features(
    model: TSKDDistiller, teacher: FrozenTeacher
) -> Iterator[tuple[Features, Features]]:
    if model.phase == 'review':  # past students would pass the same taps
        yield Features(), Features()
        return
    with model.tap.record() as ours, teacher.tap.record() as theirs:
        yield ours, theirs
