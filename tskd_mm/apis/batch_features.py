"""The features of student and teacher in one batch, kept to time what follows."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.utils import apply_to
from torch import Tensor

from ..models.distillers.tskd_distiller import TSKDDistiller
from ..models.features.feature_tap import Features
from ..models.features.level_match import fit_size
from ..models.features.padding import valid_levels


@dataclass
class BatchFeatures:
    """A preprocessed batch and the features of both models.

    Attributes:
        inputs: Images, (N, 3, H, W).
        samples: One per image.
        student: Each feature a leaf that requires a gradient.
        teacher: In the student's sizes.
        valid: Masks of the padding, one a level.
        heads: What the student's heads gave, where a loss compares heads; each tensor
            the end of a graph.
        precision: Context in which both models run.
    """

    inputs: Tensor
    samples: list[Any]
    student: Features
    teacher: Features
    valid: list[Tensor | None]
    heads: Any
    precision: Any


def batch_features(
    model: TSKDDistiller, data: dict, precision: Any = None
) -> BatchFeatures:
    """Show a batch, as from the data loader, to the student and to the teacher.

    Args:
        model: In training mode, with a teacher.
        data: Not preprocessed.
        precision: Context in which both run. Default: full precision.
    """
    assert model.teacher is not None
    batch = model.data_preprocessor(data, True)
    inputs, samples = batch['inputs'], batch['data_samples']
    precision = precision or nullcontext()
    with torch.no_grad(), precision:
        found = model.tap.run(lambda: model.student(inputs, mode='tensor'))
        teacher = model.teacher(inputs, samples)
        heads = _heads(model, inputs, samples)
    logits = None if found.logits is None else as_leaf(found.logits)
    student = Features([as_leaf(feature) for feature in found.levels], logits)
    teacher.levels = [*map(fit_size, teacher.levels, student.levels)]
    valid = valid_levels(samples, student.levels)
    return BatchFeatures(inputs, samples, student, teacher, valid, heads, precision)


def _heads(model: TSKDDistiller, inputs: Tensor, samples: list[Any]) -> Any:
    with model.heads.record(model.student) as seen:
        if model.static_losses.heads:
            model.student.loss(inputs, samples)
    return apply_to(seen, _is_float, as_leaf)


def _is_float(value: Any) -> bool:
    return torch.is_tensor(value) and value.is_floating_point()


def run_static_losses(model: TSKDDistiller, seen: BatchFeatures) -> None:
    """Forward and backward of the model's static losses, as far as the features.

    Where they compare heads, the teacher's head is part of it.
    """
    assert model.teacher is not None
    with seen.precision:
        heads = model.heads.read(
            seen.heads,
            model.student,
            model.teacher.model,
            seen.teacher.neck,
            seen.samples,
        )
    losses = model.static_losses(
        seen.student, seen.teacher, seen.valid, seen.samples, heads
    )
    torch.stack([*losses.values()]).sum().backward()


def as_leaf(tensor: Tensor) -> Tensor:
    """A copy that requires a gradient."""
    return tensor.detach().clone().requires_grad_()
