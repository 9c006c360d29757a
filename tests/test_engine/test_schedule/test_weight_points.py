"""Factors over time, by hand."""

from typing import Any

import pytest
from refusals import refused

from tskd_mm.engine import WeightPoints


@pytest.mark.parametrize(
    'points, expected',
    [
        ([(0, 0.5)], {0: 0.5, 7: 0.5}),
        ([(0, 0), (20, 1)], {0: 0, 5: 0.25, 19: 0.95, 20: 1, 99: 1}),
        ([(0, 0.05), (19, 1)], {e: min((e + 1) / 20, 1) for e in range(30)}),
        ([(180, 1), (240, 0)], {0: 1, 180: 1, 195: 0.75, 240: 0, 300: 0}),
        ([[2, 0], [4, 3], [8, 1]], {0: 0, 3: 1.5, 4: 3, 6: 2, 8: 1, 9: 1}),
    ],
    ids=['constant', 'warm-up', 'release', 'ramp-down', 'both'],
)
def test_factors(points: list, expected: dict):
    ramp = WeightPoints(points)
    assert {s: ramp.factor(s) for s in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    'points',
    [
        [],
        [(5, 0), (5, 1)],
        [(5, 0), (2, 1)],
        [(0, -0.5)],
        [(0, float('nan'))],
        [(0, 1), (3, float('inf'))],
        *(0.5, [0.5], [(0,)], [(0, '1')], {0: 1}, 'warm', None),
    ],
    ids=repr,
)
def test_points_that_make_no_sense(points: Any):
    text = (
        'the points of a factor must be pairs of an increasing step and a finite '
        f'factor of at least 0, such as [(0, 0), (20, 1)], but got {points}'
    )
    with refused(text):
        WeightPoints(points)
