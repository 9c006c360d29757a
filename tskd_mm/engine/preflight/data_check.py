"""What is wrong with a data set that would train without a word."""

import json
import re
from collections.abc import Iterator
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import get_text


def check_data(dataset: Any) -> None:
    """Check that a training set has images, and classes that its files know.

    Args:
        dataset: Of a data loader; wrappers and concatenations are looked into.

    Raises:
        ValueError: If a part has no images, lacks a class of ``metainfo`` in its
            annotation file, or has an annotation whose category is not in the file.
    """
    for part in dataset_parts(dataset):
        # Reading a large file once more is enough.
        if is_main_process() and _is_coco(part):
            _check_categories(part)
        if len(part) == 0:
            raise ValueError(
                f'{type(part).__name__} of {_origin(part)} has no images to train '
                'on: check ann_file, data_prefix, metainfo.classes and filter_cfg; an '
                'image without boxes of these classes is left out'
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
