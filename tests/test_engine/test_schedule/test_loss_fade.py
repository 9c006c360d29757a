"""Factors by share of the training, by hand."""

import math

import pytest
from refusals import refused

from tskd_mm.engine import LossFade


@pytest.mark.parametrize('steps', [12, 24, 300])
@pytest.mark.parametrize('begin, end, final', [(0, 1, 0), (0.5, 1, 0.1), (0.2, 0.6, 2)])
def test_every_step_of_a_line_and_a_cosine(steps, begin, end, final):
    line = LossFade('linear', begin, end, final)
    cosine = LossFade('cosine', begin, end, final)
    for step in range(steps + 1):
        done = step / steps
        share = min(max((done - begin) / (end - begin), 0), 1)
        middle, half = (1 + final) / 2, (1 - final) / 2
        assert line.factor(done) == pytest.approx(1 - share * (1 - final))
        expected = middle + half * math.cos(math.pi * share)
        assert cosine.factor(done) == pytest.approx(expected)


@pytest.mark.parametrize('final', [0, 0.25])
def test_a_stop_changes_at_once(final):
    curve = LossFade('stop', begin=0.5, final=final)
    factors = [curve.factor(epoch / 12) for epoch in range(12)]
    assert factors == [1] * 6 + [final] * 6


def test_a_stop_at_the_start_and_at_the_end():
    assert LossFade('stop').factor(0) == 0
    assert LossFade('stop', begin=1).factor(0.999) == 1


def test_by_default_it_ends_with_the_training_at_zero():
    curve = LossFade('linear')
    assert [curve.factor(x) for x in (0, 0.25, 0.75, 1)] == [1, 0.75, 0.25, 0]


def test_unknown_shapes_are_refused():
    text = "the shape of a factor must be one of linear, cosine, stop, but got 'step'"
    with refused(text):
        LossFade('step')


def test_a_stop_has_no_end():
    text = "a factor of the shape 'stop' changes at begin=0.5 at once: remove end=1"
    with refused(text):
        LossFade('stop', begin=0.5, end=1)


@pytest.mark.parametrize(
    'begin, end, final',
    [(-0.1, 1, 0), (0.5, 0.5, 0), (0.5, 12, 0), (0, 1, -1), (0, 1, math.inf)],
)
def test_shares_that_make_no_sense_are_refused(begin, end, final):
    text = (
        'a factor changes between two shares of the training, 0 <= begin < end <= 1, '
        f'to a finite final factor of at least 0, but got begin={begin}, end={end}, '
        f'final={final}'
    )
    with refused(text):
        LossFade('linear', begin, end, final)
