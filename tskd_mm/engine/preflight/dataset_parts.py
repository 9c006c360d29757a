"""What a data set is made of, and what its parts say about the classes."""

from collections import Counter
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

LOOKED_AT = 10000  # images of a data set


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


def count_labels(dataset: Any) -> Counter[int] | None:
    """How often each label occurs, as the data sets give it; None if they do not.

    Of large data sets :data:`LOOKED_AT` images at even distances are looked at.
    """
    try:
        return _count(dataset)
    except Exception:  # what a data set of the user's own says may have any form
        return None


def _count(dataset: Any) -> Counter[int] | None:
    parts = [p for p in dataset_parts(dataset) if not _has_parts(p)]
    if not all(isinstance(part, BaseDataset) for part in parts):
        return None
    labels: Counter[int] = Counter()
    told = False
    for part in parts:
        for index in range(0, len(part), -(-len(part) // LOOKED_AT)):
            found = _labels(part.get_data_info(index))
            told |= found is not None
            labels.update(found or [])
    return labels if told else None


def _labels(info: dict[str, Any]) -> list[int] | None:
    """Of the boxes, or of the image."""
    if 'instances' in info:
        boxes = [box for box in info['instances'] if not box.get('ignore_flag')]
        labels = [box.get('bbox_label') for box in boxes]
    elif 'gt_label' in info:
        labels = np.ravel(info['gt_label']).tolist()
    else:
        return None
    known = [int(label) for label in labels if isinstance(label, Integral)]
    return known if len(known) == len(labels) else None


def _has_parts(dataset: Any) -> bool:
    return len([*dataset_parts(dataset)]) > 1
