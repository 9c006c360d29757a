"""What student and teacher see in one batch, kept to time what is done with it."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tskd_mm.models.distillers.tskd_distiller import TSKDDistiller
from tskd_mm.models.features.feature_tap import Features
from tskd_mm.models.features.level_match import fit_size
from tskd_mm.models.features.padding import valid_pixels


@dataclass
class SeenBatch:
    """A preprocessed batch and the features of both models.

    Attributes:
        inputs: Images, (N, 3, H, W).
        samples: One per image.
        student: Each feature the end of a graph, and wanting a gradient.
        teacher: In the student's sizes.
        valid: Masks of the padding, one a level.
    """

    inputs: Tensor
    samples: list[Any]
    student: Features
    teacher: Features
    valid: list[Tensor | None]


def see(model: TSKDDistiller, data: dict, precision: Any = None) -> SeenBatch:
    """Show a batch, as from the data loader, to the student and to the teacher.

    Args:
        model: In training mode, with a teacher.
        data: Not preprocessed.
        precision: Context in which both run. Default: full precision.
    """
    assert model.teacher is not None
    batch = model.data_preprocessor(data, True)
    inputs, samples = batch['inputs'], batch['data_samples']
    with torch.no_grad(), precision or nullcontext():
        found = model.tap.run(lambda: model.student(inputs, mode='tensor'))
        teacher = model.teacher(inputs, samples)
    logits = None if found.logits is None else leaf(found.logits)
    student = Features([leaf(feature) for feature in found.levels], logits)
    teacher.levels = [*map(fit_size, teacher.levels, student.levels)]
    valid = [valid_pixels(samples, f.shape[-2:], f) for f in student.levels]
    return SeenBatch(inputs, samples, student, teacher, valid)


def static_losses(model: TSKDDistiller, seen: SeenBatch) -> None:
    """Forward and backward of the model's static losses, as far as the features."""
    losses = model.static_losses(seen.student, seen.teacher, seen.valid, seen.samples)
    torch.stack([*losses.values()]).sum().backward()


def leaf(tensor: Tensor) -> Tensor:
    """A copy that wants a gradient."""
    return tensor.detach().clone().requires_grad_()
