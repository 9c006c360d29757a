"""What the student's own loss found the objects to be assigned to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def assigned_labels(head: Any) -> Iterator[list[Tensor]]:
    """While open, keep the labels that a head gives its ``loss_cls``, level by level.

    Args:
        head: A dense head that calls ``loss_cls`` once a level, in the order of the
            levels, with scores and then labels, or a tuple that starts with labels.

    Yields:
        A list that fills up: labels of (N * H * W * A) priors; the number of classes
        for background.
    """
    found: list[Tensor] = []

    def keep(module: nn.Module, args: Any) -> None:
        labels = args[1]
        found.append(labels[0] if isinstance(labels, tuple) else labels)

    handle = head.loss_cls.register_forward_pre_hook(keep)
    try:
        yield found
    finally:
        handle.remove()
