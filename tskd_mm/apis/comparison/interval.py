"""Confidence intervals of differences, and the seeds that a difference needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from scipy.stats import t as student_t

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """Mean of some numbers with its confidence interval.

    Attributes:
        count: How many numbers.
        mean: Their mean; None of none.
        half: Half the width of the interval; None of fewer than two.
    """

    count: int
    mean: float | None
    half: float | None


def interval(values: Sequence[float]) -> Interval:
    """Student's t interval of the mean, for normal and independent values."""
    count = len(values)
    if count < 2:
        return Interval(count, values[0] if values else None, None)
    quantile = student_t.ppf((1 + CONFIDENCE) / 2, count - 1)
    half = float(quantile) * stdev(values) / count**0.5
    return Interval(count, mean(values), half)
