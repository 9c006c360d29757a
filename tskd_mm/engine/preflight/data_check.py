"""What is wrong with a data set that would train without a word."""

import json
import re
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import get_text
from torch import nn

from .class_check import head_classes
from .dataset_parts import count_labels, dataset_parts


def check_data(loader: Any, model: nn.Module) -> None:
    """Check that a training set has images, boxes and classes that train a model.

    Args:
        loader: Of the training; its data set's wrappers and parts are looked into.
        model: The student.

    Raises:
        ValueError: If a part has no images, lacks a class of ``metainfo`` in its
            annotation file, or has an annotation whose category is not in the file; if
            no part has a box, a label has no place in the model's head, or the loader
            yields no batch.
    """
    for part in dataset_parts(loader.dataset):
        # Reading a large file once more is enough.
        if is_main_process() and _is_coco(part):
            _check_categories(part)
        if len(part) == 0:
            raise ValueError(
                f'{type(part).__name__} of {_origin(part)} has no images to train '
                'on: check ann_file, data_prefix, metainfo.classes and filter_cfg; an '
                'image without boxes of these classes is left out'
            )
    _check_batches(loader)
    labels = count_labels(loader.dataset)
    if labels is None:
        return
    if not labels.total():
        raise ValueError(
            f'the training set has no box of any class among its {len(loader.dataset)} '
            'images: compare metainfo.classes with the names, and the type of the '
            'numbers, in the annotation files'
        )
    count, largest = head_classes(model), max(labels)
    if count is not None and largest >= count:
        raise ValueError(
            f'the training set has labels up to {largest}, but the head of '
            f'{type(model).__name__} only {count} classes, from 0: set num_classes of '
            'the head to the number of metainfo.classes'
        )


def _check_batches(loader: Any) -> None:
    try:
        empty = len(loader) == 0
    except TypeError:  # a data set or sampler without a length
        return
    if not empty:
        return
    raise ValueError(
        f'the training loader yields no batch of its {len(loader.dataset)} images '
        f'(batch_size={loader.batch_size}, drop_last={loader.drop_last}): set a '
        'smaller batch_size, or drop_last=False'
    )


def _is_coco(dataset: Any) -> bool:
    """Whether mmdet looks the classes up by name (for LVIS it does not)."""
    try:
        from mmdet.datasets import CocoDataset
    except ModuleNotFoundError:  # classifiers need mmpretrain alone
        return False
    reader = getattr(type(dataset), 'load_data_list', None)
    return reader is CocoDataset.load_data_list


def _check_categories(dataset: Any) -> None:
    text = get_text(dataset.ann_file, backend_args=dataset.backend_args)
    categories = {c['id']: c['name'] for c in _categories(text)}
    missing = [n for n in dataset.metainfo['classes'] if n not in categories.values()]
    if missing:
        raise ValueError(
            f'{dataset.ann_file} has no categories {missing}: mmdet would number the '
            'others without them; set metainfo.classes to (some of) the categories '
            f'of the file: {[*categories.values()]}'
        )
    used = {int(match[1]) for match in re.finditer(r'"category_id":\s*(\d+)', text)}
    unknown = sorted(used - categories.keys())
    if unknown:
        raise ValueError(
            f'{dataset.ann_file} has annotations of the categories {unknown}, which '
            "are not in its list 'categories': mmdet would leave them out; correct "
            'the file'
        )


def _categories(text: str) -> list[dict[str, Any]]:
    """The list of categories alone: all of a large file takes far longer to parse."""
    start = re.search(r'"categories"\s*:\s*(?=\[)', text)
    return json.JSONDecoder().raw_decode(text, start.end())[0] if start else []


def _origin(dataset: Any) -> str:
    return str(getattr(dataset, 'ann_file', '') or getattr(dataset, 'data_root', ''))
