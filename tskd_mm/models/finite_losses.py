"""Stops a training whose loss is no number any more."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def check_finite(losses: Mapping[str, Any], data_samples: Sequence[Any]) -> None:
    """Check every loss before it is differentiated, so that no weight is spoiled.

    Args:
        losses: Tensors, or lists of tensors, by name.
        data_samples: Of the batch; their image ids or paths go into the message.

    Raises:
        FloatingPointError: If a value is NaN or infinite.
    """
    values = {k: v for k, v in losses.items() if 'loss' in k}
    # One number for all: asking each one would wait for a GPU as many times.
    flat = [t.detach().float().sum() for v in values.values() for t in _tensors(v)]
    if not flat or torch.isfinite(torch.stack(flat)).all():
        return
    for name, value in values.items():
        total = sum(float(t.detach().float().sum()) for t in _tensors(value))
        if not abs(total) < float('inf'):
            raise FloatingPointError(
                f'{name} is {total} for the images {[*map(_name, data_samples)]}: '
                'training stops here and the last checkpoint stays; look at these '
                'images and their annotations, lower the learning rate or the weight '
                'of this loss, or clip the gradients, then resume'
            )


def _tensors(value: Any) -> Sequence[Tensor]:
    return [value] if torch.is_tensor(value) else value


def _name(sample: Any) -> Any:
    for key in ('img_id', 'img_path', 'sample_idx'):
        if sample.get(key) is not None:
            return sample.get(key)
    return 'unknown'
