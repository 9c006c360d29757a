"""Lets code look at a model in training without changing that training."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from ..models.features.dry_run import modes_restored


@contextmanager
def state_restored(model: nn.Module) -> Iterator[None]:
    """Afterwards the modes of all modules and every random state are as before.

    Args:
        model: What is run inside in eval mode, without a gradient.
    """
    python, numpy = random.getstate(), np.random.get_state()
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        with modes_restored(model), torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
