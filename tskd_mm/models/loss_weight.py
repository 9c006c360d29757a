"""Weights of losses."""

import math

from torch import nn


def check_weight(name: str, loss: nn.Module) -> None:
    """Check the attribute ``loss_weight`` of a loss that has one.

    Args:
        name: What the config calls it.
        loss: The loss.

    Raises:
        ValueError: If it is negative, NaN or infinite.
    """
    weight = getattr(loss, 'loss_weight', 1.0)
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(
            f'loss_weight of {name} must be a finite number from 0, but got {weight}'
        )
