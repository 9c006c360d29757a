"""Lets code try things out and leave no trace."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from ...models.tskd_distiller import TSKDDistiller


@contextmanager
def untouched(model: TSKDDistiller) -> Iterator[None]:
    """Afterwards the model and every random state are as they were.

    Of the model: buffers, gradients, memories, and all attributes of its modules
    that were set anew (mode, phase, a head's running normaliser). The model itself
    is used, and no copy of it, because wrappers of its modules (activation
    checkpointing) lead back to the original from any copy.
    """
    slots = None if model.bank is None else dict(model.bank.slots)
    attributes = {module: _attributes(module) for module in model.modules()}
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    gradients = [(p, p.grad) for p in model.parameters()]
    try:
        with _random_states():
            yield
    finally:
        if model.bank is not None and slots is not None:
            model.bank.slots = slots
        for module, before in attributes.items():
            vars(module).clear()
            vars(module).update(before)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        for parameter, gradient in gradients:
            parameter.grad = gradient


def _attributes(module: nn.Module) -> dict[str, Any]:
    before = dict(vars(module))
    before['_buffers'] = dict(module._buffers)
    return before


@contextmanager
def _random_states() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
