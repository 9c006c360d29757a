import pytest
from scipy.stats import nct, t

from tskd_mm.apis.comparison.interval import Interval, interval, seeds_needed


def test_interval_by_value():
    """Of 1, 2, 3: deviation 1, t(0.975, 2) = 4.302653."""
    found = interval([1.0, 2.0, 3.0])
    assert found == Interval(3, 2.0, 1.0)
    assert found.half == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert found.bounds == pytest.approx((-0.484138, 4.484138), rel=1e-5)
    # t(0.975, 1) is the tangent of 85.5 degrees.
    assert interval([0.0, 2.0]).half == pytest.approx(12.706205, rel=1e-6)


def test_too_few_numbers_for_an_interval():
    assert interval([5.0]) == Interval(1, 5.0, None)
    assert interval([]) == Interval(0, None, None)
    assert interval([5.0]).bounds is None


def test_in_another_unit():
    assert interval([1.0, 2.0, 3.0]).times(100) == Interval(3, 200.0, 100.0)
    assert interval([0.0]).times(100) == Interval(1, 0.0, None)
    assert interval([]).times(100) == Interval(0, None, None)


@pytest.mark.parametrize(
    'ratio, expected',
    [
        # t(0.975, 9) + t(0.8, 9) = 2.262157 + 0.883404 <= sqrt(10), and with 8 degrees
        # 2.306004 + 0.888890 > sqrt(9)
        (1.0, 10),
        # t(0.975, 2) + t(0.8, 2) = 4.302653 + 1.060660 = 5.363313
        (3**0.5 / 5.363314, 3),
        (3**0.5 / 5.363312, 4),
        (10.0, 787),  # ((1.959964 + 0.841621) 10)^2 = 784.9, and Student's are larger
        (0.0, 2),
    ],
)
def test_seeds_needed_by_value(ratio, expected):
    """Of the deviation divided by the difference."""
    assert seeds_needed(ratio, 1.0) == expected
    assert seeds_needed(0.5 * ratio, 0.5) == expected


@pytest.mark.parametrize('ratio', [0.5, 1.0, 3.0])
def test_so_many_seeds_have_the_power(ratio):
    """By the noncentral t distribution of a paired test."""
    n = seeds_needed(ratio, 1.0)
    power = nct.sf(t.ppf(0.975, n - 1), n - 1, n**0.5 / ratio)
    assert 0.79 < power < 0.91  # one seed fewer has less
    n -= 1
    assert nct.sf(t.ppf(0.975, n - 1), n - 1, n**0.5 / ratio) < 0.81
