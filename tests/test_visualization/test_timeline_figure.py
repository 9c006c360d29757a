"""What is in the figure, asked of matplotlib."""

import pytest

from tskd_mm.visualization import draw_timeline


@pytest.mark.parametrize('resumed', [0, 30])
def test_rates_reviews_and_names_of_the_phases(resumed):
    """4 epochs of 10 iterations; M1, R, M2, R."""
    rates = [(i / 10, 1.0 if i < 20 else 0.1) for i in range(40)][resumed:]
    memories, reviews = {1: 0, 3: 1}, [(1, 2), (3, 4)]
    [axes] = draw_timeline(rates, memories, reviews, end=4, unit='epoch').axes
    assert [patch.get_x() for patch in axes.patches] == [1, 3]
    assert [line.get_xdata()[0] for line in axes.lines[:-1]] == [1, 3]
    curve = axes.lines[-1].get_xydata()
    assert curve[0].tolist() == [*rates[0]]
    assert curve[-1].tolist() == [3.9, 0.1]
    names = [(text.get_text(), text.xy[0]) for text in axes.texts]
    assert names == [('M1', 1), ('M2', 3), ('R', 1.5), ('R', 3.5)]
    assert axes.get_xlabel() == 'epochs done'
    assert axes.get_xlim() == (0, 4)


def test_many_phases_have_no_names():
    memories = dict.fromkeys(range(1, 41), 0)
    [axes] = draw_timeline([(0.0, 1.0)], memories, [(41, 42)], 50, 'epoch').axes
    assert not axes.texts
