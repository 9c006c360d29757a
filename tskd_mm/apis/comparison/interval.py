"""Confidence intervals of differences, and the seeds that a difference needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import NormalDist, mean, stdev

from scipy.stats import t as student_t

CONFIDENCE = 0.95
POWER = 0.8  # chance to see a difference that is there


@dataclass(frozen=True)
class Interval:
    """Mean of some numbers with its confidence interval.

    Attributes:
        count: How many numbers.
        mean: Their mean; None of none.
        deviation: Their standard deviation; None of fewer than two.
    """

    count: int
    mean: float | None
    deviation: float | None

    @property
    def half(self) -> float | None:
        """Half the width of the interval; None of fewer than two numbers."""
        if self.deviation is None:
            return None
        quantile = student_t.ppf((1 + CONFIDENCE) / 2, self.count - 1)
        return float(quantile) * self.deviation / self.count**0.5

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Its ends; None of fewer than two numbers."""
        if self.mean is None or self.half is None:
            return None
        return self.mean - self.half, self.mean + self.half

    def times(self, factor: float) -> 'Interval':
        """That of the numbers in another unit."""
        center, spread = (x and x * factor for x in (self.mean, self.deviation))
        return Interval(self.count, center, spread)


def interval(values: Sequence[float]) -> Interval:
    """Student's t interval of the mean, for normal and independent values."""
    if len(values) < 2:
        return Interval(len(values), values[0] if values else None, None)
    return Interval(len(values), mean(values), stdev(values))


def seeds_needed(deviation: float, difference: float) -> int:
    """Seeds with which an interval would show a difference, four times in five.

    The smallest n with ``(t(0.975, n - 1) + t(0.8, n - 1)) deviation / sqrt(n) <=
    difference``, the usual formula for a paired t test (Snedecor and Cochran,
    Statistical Methods) with Student's t for the normal quantiles.

    Args:
        deviation: Standard deviation of the paired differences.
        difference: That is to be seen, above 0.
    """
    levels = (1 + CONFIDENCE) / 2, POWER
    # Student's quantiles are larger than the normal ones: no fewer are enough.
    normal = sum(map(NormalDist().inv_cdf, levels))
    count = max(2, ceil((normal * deviation / difference) ** 2))
    while True:
        quantiles = sum(float(student_t.ppf(level, count - 1)) for level in levels)
        if quantiles * deviation <= difference * count**0.5:
            return count
        count += 1
