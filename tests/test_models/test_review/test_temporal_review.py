"""The review loss from its public pieces."""

from itertools import pairwise

import graph_log
import pytest
import torch
from refusals import refused
from torch import Tensor, nn

from tskd_mm.models import (
    IncrementPredictor,
    TemporalReview,
    attention_map,
    increment,
    increment_sequence,
)
from tskd_mm.models.features.compiled_parts import CompiledParts
from tskd_mm.models.review.temporal_review import scale_gradient, scale_value

SIZES = [(8, 10), (4, 5)]
SMALL = {'type': 'IncrementPredictor', 'hidden_channels': 8, 'stem_channels': 4}


class PerPixel(nn.Module):
    """A predictor without neighbours."""

    def forward(self, sequence: Tensor) -> Tensor:
        return 0.5 * sequence.mean(0) + 0.3 * sequence[-1] + 0.1


def _levels(images: int = 2, channels: int = 3) -> list[Tensor]:
    return [torch.rand(images, channels, *size) for size in SIZES]


def _batch() -> tuple[list, list[Tensor], list[Tensor]]:
    """Three past students, the student, the teacher."""
    return [_levels() for _ in range(3)], _levels(), _levels(channels=5)


@pytest.mark.parametrize('normalize', ['column', 'spatial', 'rms'])
def test_the_loss_compares_prediction_and_gap_of_each_level(normalize: str):
    past, student, teacher = _batch()
    review = TemporalReview(2, normalize, SMALL, loss_weight=0.25)
    expected = 0
    compared = review.compare(past, student, teacher, [None, None])
    for level, (predictor, found) in enumerate(zip(review.predictors, compared)):
        maps = [attention_map(memory[level], normalize) for memory in past]
        maps.append(attention_map(student[level], normalize))
        steps = torch.stack([(a - b).abs() for a, b in pairwise(maps)])
        torch.testing.assert_close(found.history, steps)
        torch.testing.assert_close(found.prediction, predictor(steps))
        gap = (maps[-1] - attention_map(teacher[level], normalize)).abs()
        torch.testing.assert_close(found.gap, gap)
        expected += 0.25 * (predictor(steps) - gap).square().mean()
    torch.testing.assert_close(review(past, student, teacher, [None, None]), expected)


@pytest.mark.parametrize('weight', [0.0, 0.25, 100.0])
def test_the_weight_scales_only_the_student_s_gradient(weight: float):
    past, student, teacher = _batch()
    for level in student:
        level.requires_grad_()
    review = TemporalReview(2, predictor=SMALL, loss_weight=1.0)
    weights = [*student, *review.parameters()]
    loss = review(past, student, teacher, [None, None])
    expected = torch.autograd.grad(loss, weights)
    review.loss_weight = 0.5  # times the factor of this batch
    weighted = review(past, student, teacher, [None, None], 2 * weight)
    found = torch.autograd.grad(weighted, weights)
    torch.testing.assert_close(weighted, weight * loss)
    for index, (new, old) in enumerate(zip(found, expected)):
        factor = weight if index < len(student) else 1
        torch.testing.assert_close(new, factor * old)


@pytest.mark.parametrize(
    'scale, value, gradient', [(scale_gradient, 3.0, 20.0), (scale_value, 15.0, 4.0)]
)
def test_value_and_gradient_are_scaled_apart(scale, value: float, gradient: float):
    x = torch.tensor(3.0, requires_grad=True)
    found = scale(x, 5.0)
    (4 * found).backward()
    assert (float(found), float(x.grad)) == (value, gradient)


def test_the_gradient_takes_both_ways_to_the_student():
    past, student, teacher = _batch()
    review = TemporalReview(1, predictor=SMALL, loss_weight=1.0)
    feature = student[0].requires_grad_()

    def gradient(in_sequence: Tensor, in_gap: Tensor) -> Tensor:
        maps = [attention_map(memory[0], 'rms') for memory in past]
        sequence = increment_sequence(maps, attention_map(in_sequence, 'rms'))
        teacher_map = attention_map(teacher[0], 'rms')
        gap = increment(attention_map(in_gap, 'rms'), teacher_map)
        loss = (review.predictors[0](sequence) - gap).square().mean()
        return torch.autograd.grad(loss, feature)[0]

    through_sequence = gradient(feature, feature.detach())
    through_gap = gradient(feature.detach(), feature)
    loss = review([m[:1] for m in past], [feature], teacher[:1], [None])
    (found,) = torch.autograd.grad(loss, feature)
    assert through_sequence.abs().max() > 0 and through_gap.abs().max() > 0
    torch.testing.assert_close(found, through_sequence + through_gap)


def _padded(per_pixel: bool, size: int) -> tuple[Tensor, Tensor]:
    """The loss of a padded batch, and the mean of its images' own losses."""
    review = TemporalReview(1, predictor=SMALL, loss_weight=1.0)
    if per_pixel:
        review.predictors = nn.ModuleList([PerPixel()])
    batch = torch.rand(5, 2, 3, size, size)  # three past students, student, teacher
    valid = torch.zeros(2, 1, size, size)
    alone = []
    for index, (height, width) in enumerate([(size, size // 2), (size // 2, size)]):
        valid[index, :, :height, :width] = 1
        own = batch[:, index : index + 1, :, :height, :width]
        *past, student, teacher = ([feature] for feature in own)
        alone.append(review(past, student, teacher, [None]))
    *past, student, teacher = ([feature] for feature in batch)
    return review(past, student, teacher, [valid]), torch.stack(alone).mean()


def test_padding_does_not_count():
    together, alone = _padded(per_pixel=True, size=12)
    torch.testing.assert_close(together, alone)


def test_padding_reaches_a_predictor_s_border_only():
    # The predictor's kernels see biases behind the border of a padded image and
    # zeros behind that of an image alone: a few pixels of 64 x 32 differ.
    together, alone = _padded(per_pixel=False, size=64)
    torch.testing.assert_close(together, alone, rtol=3e-3, atol=0)
    assert not torch.equal(together, alone)


def test_one_predictor_config_serves_every_level():
    predictors = TemporalReview(3).predictors
    assert [type(p) for p in predictors] == [IncrementPredictor] * 3
    assert len({id(p.stem.weight) for p in predictors}) == 3
    assert [p.encoder.weight.shape[0] for p in predictors] == [256] * 3


def test_each_level_can_have_a_predictor_of_its_own():
    configs = [SMALL, {'type': 'IncrementPredictor', 'hidden_channels': 4}]
    review = TemporalReview(2, predictor=configs)
    assert [p.encoder.weight.shape[0] for p in review.predictors] == [32, 16]
    past, student, teacher = _batch()
    assert torch.isfinite(review(past, student, teacher, [None, None]))


def test_a_wrong_number_of_predictors_is_refused():
    text = 'predictor must be one config or one for each of 3 levels, but got 2 configs'
    with refused(text):
        TemporalReview(3, predictor=[SMALL, SMALL])


def _map(value: float) -> torch.Tensor:
    return torch.full((2, 1, 3, 4), value)


@pytest.mark.parametrize(
    'past, steps',
    [([1.0], [9.0]), ([1, 3, 7], [2, 4, 3]), ([0, 5, 1, 9], [5, 4, 8, 1])],
)
def test_a_sequence_is_ordered_and_ends_now(past: list, steps: list):
    found = increment_sequence([_map(v) for v in past], _map(10.0))
    assert found.shape == (len(past), 2, 1, 3, 4)
    assert torch.equal(found, torch.stack([_map(v) for v in steps]))
    stacked = torch.stack([_map(v) for v in past])
    assert torch.equal(increment_sequence(stacked, _map(10.0)), found)


def test_only_the_last_step_carries_the_student_s_gradient():
    past = [_map(1.0), _map(3.0)]
    current = _map(2.5).requires_grad_()
    found = increment_sequence(past, current)
    (found * torch.tensor([7.0, 11.0]).view(2, 1, 1, 1, 1)).sum().backward()
    assert torch.equal(current.grad, _map(-11.0))


@pytest.mark.parametrize('past', [[], torch.rand(0, 2, 1, 3, 4)])
def test_an_empty_past_is_refused(past: object):
    text = 'past must hold at least one attention map, but it is empty'
    with refused(text):
        increment_sequence(past, _map(1.0))


def test_graphs_serve_images_of_any_size():
    """Even and odd sizes, several images or other ones: each part has one graph."""
    torch._dynamo.reset()
    graph_log.graphs.clear()
    review = TemporalReview(1, predictor=SMALL, compile=dict(backend='logged'))
    assert review.compile_options == dict(backend='logged', dynamic=True)
    parts = CompiledParts(review.compile_options, [('', m) for m in review.compiled])
    for size in [(8, 10), (7, 10), (12, 9), (13, 21)]:
        now = torch.rand(2, 3, *size, requires_grad=True)
        others = [torch.rand(2, 3, *size) for _ in range(3)]
        inputs = [[others[0]], [others[1]]], [now], [others[2]], [None]
        expected = review(*inputs)
        with parts.active(review):
            found = review(*inputs)
        gradients = [torch.autograd.grad(x, now)[0] for x in (found, expected)]
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(*gradients)
        assert len(graph_log.graphs) == 3
