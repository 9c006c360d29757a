"""How a loss is weighted in the course of the training."""

from collections.abc import Sequence
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np


class WeightPoints:
    """A factor that changes linearly between points in time and is constant outside.

    A pure function of the step, so that a resumed run needs no state to go on.

    Args:
        points: Pairs of a step (an epoch or an iteration, from 0) and the factor there.
            ``[(0, 0), (20, 1)]`` warms up, ``[(180, 1), (240, 0)]`` ramps down,
            ``[(0, 0.5)]`` is constant.

    Raises:
        ValueError: If there is no point, the steps do not increase, or a factor is
            negative or not finite.
    """

    def __init__(self, points: Sequence[tuple[int, float]]) -> None:
        if not _are_points(points):
            raise ValueError(
                'the points of a factor must be pairs of an increasing step and a '
                'finite factor of at least 0, such as [(0, 0), (20, 1)], but got '
                f'{points}'
            )
        self.steps = [step for step, _ in points]
        self.factors = [factor for _, factor in points]

    def factor(self, step: int) -> float:
        """The factor at ``step``."""
        return float(np.interp(step, self.steps, self.factors))


def _are_points(points: Any) -> bool:
    pairs = isinstance(points, Sequence) and all(
        isinstance(point, Sequence) and len(point) == 2 for point in points
    )
    if not pairs or not all(isinstance(x, Real) for point in points for x in point):
        return False
    steps, factors = [step for step, _ in points], [factor for _, factor in points]
    increasing = bool(steps) and all(a < b for a, b in pairwise(steps))
    return increasing and all(0 <= factor < float('inf') for factor in factors)
