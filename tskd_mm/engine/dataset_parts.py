"""Looks into wrappers and concatenations of data sets."""

from collections.abc import Iterator
from typing import Any


def dataset_parts(dataset: Any) -> Iterator[Any]:
    """The data sets inside a data set, innermost first, and then itself.

    A user's own can call a list, a file's name or an array its ``dataset``.
    """
    several = getattr(dataset, 'datasets', None)
    inside = several if isinstance(several, (list, tuple)) else []
    for inner in (getattr(dataset, 'dataset', None), *inside):
        if hasattr(inner, '__dict__'):
            yield from dataset_parts(inner)
    yield dataset
