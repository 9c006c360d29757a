"""What a look at a model in training leaves behind: nothing."""

import random

import numpy as np
import pytest
import torch

from tskd_mm.engine.state_restored import state_restored


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def seed() -> None:
    random.seed(3), np.random.seed(3), torch.manual_seed(3)


@pytest.mark.parametrize('fails', [False, True])
def test_modes_and_random_states_are_as_before(fails):
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))
    model[1].eval()  # as norm_eval does
    seed()
    expected = draws()
    seed()
    try:
        with state_restored(model):
            model.eval()
            draws()
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert fails
    assert draws() == expected
    assert [module.training for module in model.modules()] == [True, True, False]
