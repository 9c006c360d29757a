"""The result of a comparison of two methods, in one sentence."""

from .interval import Interval, seeds_needed
from .results import Results, paired
from .study import PLAIN, Study


def verdicts(study: Study, results: Results) -> list[str]:
    """A sentence for each comparison, about the metric after the last epoch."""
    return [
        verdict(study, pair, paired(results, *pair, 'last').times(study.times))
        for pair in study.comparisons
    ]


def verdict(study: Study, pair: tuple[str, str], found: Interval) -> str:
    """Such as ``pkd helps: +4.40, +3.80 to +5.00``.

    Args:
        study: Tells whether more is better, and which difference is worth seeing.
        pair: Method and baseline.
        found: Their differences, in the unit of the report.
    """
    method, baseline = pair
    if found.mean is None or found.deviation is None or found.bounds is None:
        return (
            f'{method}: seeds in common with {baseline}: {found.count}; train two or '
            'more to get an interval'
        )
    low, high = found.bounds
    numbers = f'{found.mean:+.2f}, {low:+.2f} to {high:+.2f}'
    if low == high == 0:
        return (
            f'{method} and {baseline} have the same metric with every seed: train '
            'longer, or validate on more images'
        )
    if low > 0 or high < 0:
        return f'{method} {_effect(study.gain(found.mean) > 0, baseline)}: {numbers}'
    needed = seeds_needed(found.deviation, study.resolve)
    seeds = f'about {needed} seeds are needed to see {study.resolve:g}'
    if needed <= found.count:
        seeds = f'{found.count} seeds are enough to see {study.resolve:g}'
    different = f'{method} is not significantly different from {baseline}'
    return f'{different}: {numbers}; {seeds}'


def _effect(better: bool, baseline: str) -> str:
    if baseline == PLAIN:
        return 'helps' if better else 'harms'
    return f'is {"better" if better else "worse"} than {baseline}'
