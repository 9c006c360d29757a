"""A few images out of a data set that notices nothing."""

from copy import deepcopy
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader

from .data_check import dataset_parts


def sample_images(loader: DataLoader, count: int) -> list[Any]:
    """Images at even distances, each as the loader's data set gives it.

    Args:
        loader: Its data set has an order; its sampler is not asked.
        count: Fewer if the data set has fewer.
    """
    dataset = _copy(loader.dataset)
    total = len(dataset)
    count = min(count, total)
    return [dataset[i * total // count] for i in range(count)]


def _copy(dataset: Any) -> Any:
    """A data set to take images from, since some transforms keep those they have seen.

    It shares the records, and what cannot be copied (an open file, a lock).
    """
    parts = [*dataset_parts(dataset)]
    known = {id(part) for part in parts}
    values = [value for part in parts for value in vars(part).values()]
    shared = {id(value): value for value in values if _is_records(value, known)}
    for value in values:
        try:
            deepcopy(value, dict(shared))
        except Exception:  # whatever its class comes up with
            shared[id(value)] = value
    return deepcopy(dataset, shared)


def _is_records(value: Any, parts: set[int]) -> bool:
    """Whether it is data, and no list of transforms or of the parts of a data set."""
    if isinstance(value, (np.ndarray, Tensor)):
        return True
    if isinstance(value, dict):
        value = [*value.values()]
    if not isinstance(value, (list, tuple)):
        return False
    return not any(callable(item) or id(item) in parts for item in value)


def one_image(loader: DataLoader, index: int) -> Any:
    """A batch of one image."""
    return loader.collate_fn([_copy(loader.dataset)[index]])


def batch_size(loader: DataLoader) -> int:
    """Images in one batch of a loader with or without a batch sampler of its own."""
    size: Any = loader.batch_size or getattr(loader.batch_sampler, 'batch_size', 1)
    return size if isinstance(size, int) else max(size)  # one for each data set
