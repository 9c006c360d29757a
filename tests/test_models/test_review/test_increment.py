"""Increments and their order."""

import re

import pytest
import torch

from tskd_mm.models.review.temporal_review import increment, increment_sequence


def _map(value: float) -> torch.Tensor:
    return torch.full((2, 1, 3, 4), value)


def test_an_increment_is_the_absolute_difference():
    before, after = torch.tensor([1.0, 5.0, -2.0]), torch.tensor([4.0, 3.0, -2.0])
    assert increment(before, after).tolist() == [3.0, 2.0, 0.0]
    assert increment(after, before).tolist() == [3.0, 2.0, 0.0]


@pytest.mark.parametrize(
    'past, steps',
    [([1.0], [9.0]), ([1, 3, 7], [2, 4, 3]), ([0, 5, 1, 9], [5, 4, 8, 1])],
)
def test_a_sequence_is_ordered_and_ends_now(past: list, steps: list):
    found = increment_sequence([_map(v) for v in past], _map(10.0))
    assert found.shape == (len(past), 2, 1, 3, 4)
    assert torch.equal(found, torch.stack([_map(v) for v in steps]))


def test_a_stacked_past_is_a_past():
    past, current = torch.rand(3, 2, 1, 3, 4), torch.rand(2, 1, 3, 4)
    expected = increment_sequence(list(past), current)
    assert torch.equal(increment_sequence(past, current), expected)


def test_only_the_last_step_carries_the_student_s_gradient():
    past = [_map(1.0), _map(3.0)]
    current = _map(2.5).requires_grad_()
    found = increment_sequence(past, current)
    (found * torch.tensor([7.0, 11.0]).view(2, 1, 1, 1, 1)).sum().backward()
    assert torch.equal(current.grad, _map(-11.0))


@pytest.mark.parametrize('past', [[], torch.rand(0, 2, 1, 3, 4)])
def test_an_empty_past(past: object):
    text = 'past must hold at least one attention map, but it is empty'
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        increment_sequence(past, _map(1.0))
