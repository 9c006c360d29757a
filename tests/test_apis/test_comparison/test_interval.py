import pytest

from tskd_mm.apis.comparison.interval import Interval, interval


def test_interval_by_value():
    """Of 1, 2, 3: deviation 1, t(0.975, 2) = 4.302653."""
    found = interval([1.0, 2.0, 3.0])
    assert (found.count, found.mean) == (3, 2.0)
    assert found.half == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    # t(0.975, 1) is the tangent of 85.5 degrees.
    assert interval([0.0, 2.0]).half == pytest.approx(12.706205, rel=1e-6)
    assert interval([5.0]) == Interval(1, 5.0, None)
    assert interval([]) == Interval(0, None, None)
