"""The result of a comparison of two methods, in one sentence."""

from math import isclose

from .interval import Interval, seeds_needed
from .results import Results, paired
from .study import PLAIN, Study


def verdicts(study: Study, results: Results) -> list[str]:
    """Of the metric after the last epoch.

    A sentence for each comparison, and one for all with fewer than two seeds in common.
    """
    sentences, few = [], []
    for pair in study.comparisons:
        found = paired(results, *pair, 'last').times(study.times)
        sentence = verdict(study, pair, found)
        if sentence is None:
            few.append(f'{" - ".join(pair)} ({found.count})')
        else:
            sentences.append(sentence)
    if few:
        sentences.append(
            'an interval needs two or more seeds in common; these comparisons have '
            f'fewer: {", ".join(few)}'
        )
    return sentences


def verdict(study: Study, pair: tuple[str, str], found: Interval) -> str | None:
    """Such as ``pkd helps: +4.40, +3.80 to +5.00``.

    Args:
        study: Tells whether more is better, and which difference is worth seeing.
        pair: Method and baseline.
        found: Their differences, in the unit of the report.

    Returns:
        The sentence; None where two seeds in common are missing.
    """
    method, baseline = pair
    if found.mean is None or found.deviation is None or found.bounds is None:
        return None
    low, high = found.bounds
    numbers = f'{found.mean:+.2f}, {low:+.2f} to {high:+.2f}'
    if isclose(low, high, rel_tol=1e-6, abs_tol=1e-9):  # of a rounded metric
        same = f'{found.mean:+.2f} with every seed'
        if f'{abs(found.mean):.2f}' == '0.00':
            same = 'the same metric with every seed'
        return (
            f'{method} - {baseline}: {same}, so there is no interval; train more '
            'seeds, or validate on more images'
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
