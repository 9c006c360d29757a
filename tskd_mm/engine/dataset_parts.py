"""Looks into wrappers and concatenations of data sets."""

from collections.abc import Iterator
from typing import Any


def dataset_parts(dataset: Any) -> Iterator[Any]:
    """The data sets inside a data set, innermost first, and then itself."""
    for inner in (getattr(dataset, 'dataset', None), *getattr(dataset, 'datasets', [])):
        if inner is not None:
            yield from dataset_parts(inner)
    yield dataset
