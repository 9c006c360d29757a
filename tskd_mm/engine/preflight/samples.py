"""A few images out of a data set that notices nothing."""

from copy import deepcopy
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

from ..dataset_parts import dataset_parts


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
    """A data set to take images from; it shares the annotations.

    Some transforms keep the images that they have seen.
    """
    records = (
        value
        for part in dataset_parts(dataset)
        for value in vars(part).values()
        if isinstance(value, (np.ndarray, list))
    )
    return deepcopy(dataset, {id(value): value for value in records})


def one_image(loader: DataLoader, index: int) -> Any:
    """A batch of one image."""
    return loader.collate_fn([_copy(loader.dataset)[index]])


def batch_size(loader: DataLoader) -> int:
    """Images in one batch of a loader with or without a batch sampler of its own."""
    size: Any = loader.batch_size or getattr(loader.batch_sampler, 'batch_size', 1)
    return size if isinstance(size, int) else max(size)  # one for each data set
