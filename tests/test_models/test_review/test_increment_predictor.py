"""The predictor: names, sizes, and the release's arithmetic."""

import pytest
import torch

from tools.analysis_tools.reference_arithmetic import predict
from tskd_mm.models.review.increment_predictor import (
    IncrementPredictor,
    crop,
    grow,
    refine,
)

NAMES = ['stem', 'encoder', 'forecaster', 'upsample', 'refine', 'head']


@pytest.mark.parametrize('size', [(1, 1), (1, 5), (7, 13), (8, 8)])
@pytest.mark.parametrize('steps', [1, 2, 3, 4])
def test_values_and_gradients_are_those_of_full_convolutions(size: tuple, steps: int):
    predictor = IncrementPredictor(hidden_channels=6, stem_channels=3).double()
    sequence = torch.rand(steps, 2, 1, *size, dtype=torch.float64, requires_grad=True)
    found, expected = predictor(sequence), predict(predictor, sequence)
    assert found.shape == (2, 1, *size)
    torch.testing.assert_close(found, expected)
    wanted = [sequence, *predictor.parameters()]
    upstream = torch.rand_like(found)
    torch.testing.assert_close(
        torch.autograd.grad(found, wanted, upstream),
        torch.autograd.grad(expected, wanted, upstream),
    )


def test_predictors_of_several_levels_do_not_mix():
    sizes = [(8, 6), (5, 3), (1, 1)]
    predictors = [IncrementPredictor(6, 3).double() for _ in sizes]
    sequences = [
        torch.rand(3, 2, 1, *size, dtype=torch.float64, requires_grad=True)
        for size in sizes
    ]
    together = refine(predictors, crop(grow(predictors, sequences), sequences))
    for predictor, sequence, found in zip(predictors, sequences, together):
        expected = predictor(sequence)
        torch.testing.assert_close(found, expected)
        wanted = [sequence, *predictor.parameters()]
        upstream = torch.rand_like(found)
        torch.testing.assert_close(
            torch.autograd.grad(found, wanted, upstream, retain_graph=True),
            torch.autograd.grad(expected, wanted, upstream),
        )


def test_images_do_not_mix():
    predictor, sequence = IncrementPredictor(8), torch.rand(3, 4, 1, 6, 5)
    alone = torch.cat([predictor(sequence[:, i : i + 1]) for i in range(4)])
    torch.testing.assert_close(predictor(sequence), alone)


@pytest.mark.parametrize('config', [{}, {'hidden_channels': 32, 'stem_channels': 4}])
def test_weights_have_the_names_and_shapes_of_the_parts(config: dict):
    hidden = config.get('hidden_channels', 64)
    stem = config.get('stem_channels', 8)
    shapes = {
        'stem': (stem, 1, 3, 3),
        'encoder': (4 * hidden, stem + hidden, 3, 3),
        'forecaster': (4 * hidden, 2 * hidden, 3, 3),
        'upsample': (hidden, stem, 4, 4),
        'refine': (stem, stem, 3, 3),
        'head': (1, stem, 1, 1),
    }
    state = IncrementPredictor(**config).state_dict()
    assert sorted(state) == sorted(
        f'{n}.{p}' for n in NAMES for p in ('weight', 'bias')
    )
    assert {n: tuple(state[f'{n}.weight'].shape) for n in NAMES} == shapes
