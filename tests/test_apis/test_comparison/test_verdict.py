"""One sentence for each comparison, by value."""

from pathlib import Path

import pytest
from study_rows import row

from tskd_mm.apis.comparison.interval import Interval, interval
from tskd_mm.apis.comparison.study import Study
from tskd_mm.apis.comparison.verdict import verdict, verdicts


def study(metric: str = 'acc', resolve: float = 0.5, times: float = 1.0) -> Study:
    pairs = (('pkd', 'none'), ('tskd', 'pkd'))
    return Study('toy', Path(), metric, {}, (0, 1), pairs, times, resolve)


# t(0.975, 1) = 12.706205: of two seeds with the deviation sqrt(2) / 10 the interval is
# 1.2706205 to either side.
TWO = 0.02**0.5


@pytest.mark.parametrize(
    'mean, baseline, text',
    [
        (4.4, 'none', 'pkd helps: +4.40, +3.13 to +5.67'),
        (-4.4, 'none', 'pkd harms: -4.40, -5.67 to -3.13'),
        (4.4, 'kd', 'pkd is better than kd: +4.40, +3.13 to +5.67'),
        (-4.4, 'kd', 'pkd is worse than kd: -4.40, -5.67 to -3.13'),
    ],
)
def test_a_difference(mean, baseline, text):
    assert verdict(study(), ('pkd', baseline), Interval(2, mean, TWO)) == text


def test_less_of_a_loss_is_better():
    found = Interval(2, -4.4, TWO)
    assert verdict(study('loss'), ('pkd', 'none'), found).startswith('pkd helps: -4.40')


def test_no_difference_that_these_seeds_would_show():
    """10 seeds would see a difference as large as the deviation; see the formula."""
    found = Interval(3, 0.25, 0.5)  # 4.302653 * 0.5 / sqrt(3) = 1.242
    assert verdict(study(), ('pkd', 'none'), found) == (
        'pkd is not significantly different from none: +0.25, -0.99 to +1.49; about 10 '
        'seeds are needed to see 0.5'
    )
    found = Interval(10, 0.25, 0.5)  # 2.262157 * 0.5 / sqrt(10) = 0.358
    assert verdict(study(), ('pkd', 'none'), found) == (
        'pkd is not significantly different from none: +0.25, -0.11 to +0.61; 10 seeds '
        'are enough to see 0.5'
    )


@pytest.mark.parametrize(
    'differences, same',
    [
        ((0.0, 0.0), 'the same metric'),
        ((0.098 - 0.1, 0.1 - 0.102, 0.096 - 0.098), '-0.20'),  # of a rounded AP
        ((4.2, 4.2), '+4.20'),
    ],
)
def test_equal_differences_have_no_interval(differences, same):
    found = interval(differences).times(100 if abs(differences[0]) < 1 else 1)
    assert verdict(study(), ('pkd', 'none'), found) == (
        f'pkd - none: {same} with every seed, so there is no interval; train more '
        'seeds, or validate on more images'
    )


@pytest.mark.parametrize('found', [Interval(0, None, None), Interval(1, 3.0, None)])
def test_too_few_seeds(found):
    assert verdict(study(), ('pkd', 'none'), found) is None


def test_each_comparison_in_the_unit_of_the_report():
    results = {
        'none': {0: row('none', 0, 0.10), 1: row('none', 1, 0.20)},
        'pkd': {0: row('pkd', 0, 0.15), 1: row('pkd', 1, 0.251)},
        'tskd': {0: row('tskd', 0, 0.15)},
    }
    # Differences of 5 and 5.1 percent: half is 12.706205 * 0.05.
    assert verdicts(study(times=100.0), results) == [
        'pkd helps: +5.05, +4.41 to +5.69',
        'an interval needs two or more seeds in common; these comparisons have fewer: '
        'tskd - pkd (1)',
    ]
    del results['none'][1], results['tskd']
    assert verdicts(study(), results) == [
        'an interval needs two or more seeds in common; these comparisons have fewer: '
        'pkd - none (1), tskd - pkd (0)'
    ]
