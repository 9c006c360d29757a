"""Increments: how far one attention map is from the next."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor


def increment(before: Tensor, after: Tensor) -> Tensor:
    """Step between two maps of one shape, ``|A - B|``."""
    return (before - after).abs()


def increment_sequence(past: Sequence[Tensor] | Tensor, current: Tensor) -> Tensor:
    """The student's learning history as T steps that end at its present.

    ``|A_m1 - A_m2|, |A_m2 - A_m3|, ..., |A_mT - A_now|`` (TSKD, arXiv 2307.00811).

    Args:
        past: T attention maps of past students, oldest first, each (N, 1, H, W).
        current: Attention map of the present student, (N, 1, H, W). The last step
            carries its gradient.

    Returns:
        The T increments, oldest first, (T, N, 1, H, W).

    Raises:
        ValueError: If ``past`` is empty.
    """
    if len(past) == 0:
        raise ValueError('past must hold at least one attention map, but it is empty')
    maps = [*past, current]
    return torch.stack([increment(a, b) for a, b in pairwise(maps)])
