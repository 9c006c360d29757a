"""Lets code try things out and leave no trace."""

import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from ...models.distillers.tskd_distiller import TSKDDistiller


@contextmanager
def untouched(model: TSKDDistiller) -> Iterator[None]:
    """Afterwards the model and every random state are as they were.

    Of the model: buffers, gradients, memories, all attributes of its modules that
    were set anew (mode, phase, a head's running normaliser), and the items of their
    lists, sets and dictionaries (a head's history). The model itself is used, and no
    copy of it, because wrappers of its modules (activation checkpointing) lead back to
    the original from any copy.
    """
    slots = None if model.bank is None else dict(model.bank.slots)
    attributes = {module: _attributes(module) for module in model.modules()}
    containers = [(value, copy(value)) for value in _containers(model)]
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
        for container, items in containers:
            container.clear()
            add = getattr(container, 'extend', None) or container.update
            add(items)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        for parameter, gradient in gradients:
            parameter.grad = gradient


def _attributes(module: nn.Module) -> dict[str, Any]:
    before = dict(vars(module))
    before['_buffers'] = dict(module._buffers)
    return before


def _containers(model: nn.Module) -> list[Any]:
    """Those that are attributes of modules, and none of PyTorch's own."""
    own = vars(nn.Module())
    return [
        value
        for module in model.modules()
        for name, value in vars(module).items()
        if type(value) in (list, dict, set, deque) and name not in own
    ]


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
