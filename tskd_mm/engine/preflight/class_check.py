"""Whether model, data sets and evaluator speak of the same classes."""

from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.runner import Runner
from torch import nn

from .dataset_parts import LOOKED_AT, count_labels

SHOWN = 5  # names in a message


def head_classes(model: nn.Module) -> int | None:
    """How many classes a model tells apart; None where its head is not known."""
    model = getattr(model, 'detector', model)  # of a tracker
    for path in ('head', 'bbox_head', 'roi_head.bbox_head', 'panoptic_head'):
        head: Any = model
        for name in path.split('.'):
            head = getattr(head, name, None)
        if isinstance(head, nn.ModuleList) and len(head):  # a cascade
            head = head[0]
        count = getattr(head, 'num_classes', None)
        # A region proposal head knows objects from background, whatever their class.
        if isinstance(count, int) and 'RPN' not in type(head).__name__:
            return count
    return None


def class_warnings(runner: Runner, model: nn.Module) -> Iterator[str]:
    """What differs between head, training set, validation set and evaluator.

    Args:
        runner: About to train.
        model: The student.
    """
    train, count = _classes(runner.train_dataloader), head_classes(model)
    if train and count and count != len(train):
        yield (
            f'the head of {type(model).__name__} has {count} classes, but the training '
            f'set {len(train)} ({_some(train)}): set num_classes of the head, or '
            'metainfo.classes of the data set'
        )
    yield from _without_labels(runner.train_dataloader.dataset, train)
    if runner.val_loop is None:
        return
    val = _classes(runner.val_loop.dataloader)
    if train and val and train != val:
        yield (
            f'the training set has the {len(train)} classes {_some(train)} and the '
            f'validation set the {len(val)} classes {_some(val)}, so that the metric '
            'compares other numbers than the ones trained on: give both the same '
            'metainfo.classes, in the same order'
        )
    for metric in runner.val_loop.evaluator.metrics:
        yield from _of_metric(metric, val, count)


def _without_labels(dataset: Any, classes: Sequence[str]) -> Iterator[str]:
    labels = count_labels(dataset) if len(dataset) <= LOOKED_AT else None
    missing = [x for i, x in enumerate(classes) if labels and i not in labels]
    if missing:
        yield (
            f'nothing in the training set is of {len(missing)} of its {len(classes)} '
            f'classes ({_some(missing)}): compare metainfo.classes with the names in '
            'the annotation files'
        )


def _of_metric(metric: Any, val: Sequence[str], count: int | None) -> Iterator[str]:
    name = type(metric).__name__
    expected = getattr(metric, 'num_classes', None)
    if isinstance(expected, int) and count and expected != count:
        yield (
            f'the head has {count} classes, but {name} has num_classes={expected}: set '
            'the same number in val_evaluator'
        )
    categories = getattr(getattr(metric, '_coco_api', None), 'cats', None) or {}
    known = [category['name'] for category in categories.values()]
    missing = [x for x in val if x not in known] if known else []
    if missing:
        yield (
            f'the annotation file of {name} has no categories {_some(missing)}, which '
            'the validation set has: give val_evaluator the ann_file of val_dataloader'
        )


def _classes(loader: Any) -> list[str]:
    classes = (getattr(loader.dataset, 'metainfo', None) or {}).get('classes')
    return [*map(str, classes)] if isinstance(classes, (list, tuple)) else []


def _some(names: Sequence[str]) -> str:
    rest = [f'... {len(names) - SHOWN} more'] if len(names) > SHOWN else []
    return ', '.join([*names[:SHOWN], *rest])
