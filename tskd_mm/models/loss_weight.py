"""Weights of losses."""

import math

from torch import nn


def check_weight(name: str, loss: nn.Module) -> None:
    """Check the weights of a loss: its numbers called ``loss_weight``, ``..._weight``.

    Args:
        name: What the config calls it.
        loss: The loss.

    Raises:
        ValueError: If one is negative, NaN or infinite.
    """
    for key, weight in vars(loss).items():
        if not key.endswith('_weight') or not isinstance(weight, (int, float)):
            continue
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(
                f'{key} of {name} must be a finite number from 0, but got {weight}'
            )
