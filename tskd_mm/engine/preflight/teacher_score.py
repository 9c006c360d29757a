"""The teacher's own metric on a few validation images."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch import nn

from ...models.distillers.tskd_distiller import TSKDDistiller
from ...models.teacher.frozen_teacher import FrozenTeacher
from .samples import sample_images

IMAGES = 16
SECONDS = 15  # for the images; a slow machine looks at fewer
NEAR_ZERO = 0.02  # of a perfect score
HEADLINES = ('mAP', 'top1')  # others can be of a single class


@dataclass
class TeacherScore:
    """What the teacher is worth.

    Attributes:
        text: Metric, or why there is none.
        failing: Whether the teacher seems to know nothing.
        error: What went wrong while it was measured; empty if nothing did.
    """

    text: str
    failing: bool = False
    error: str = ''


def score_teacher(
    runner: Runner, model: TSKDDistiller, teacher: FrozenTeacher
) -> TeacherScore:
    """Run the whole teacher on validation images and ask the config's evaluator.

    It sees what it sees in training: the student's batch in its own normalisation.
    Nothing here talks to other processes.
    """
    if runner.val_loop is None:
        return TeacherScore('not measured: the config has no validation')
    loader = runner.val_loop.dataloader
    classes = (getattr(loader.dataset, 'metainfo', None) or {}).get('classes')
    known = _class_counts(teacher.model)
    if classes and known and len(classes) not in known:
        return TeacherScore(
            f'not measured: it knows {max(known)} classes, the validation set has '
            f'{len(classes)}'
        )
    metric = runner.val_loop.evaluator.metrics[0]
    try:
        with _borrowed(metric), _quiet():
            count, empty = _look(runner, model, teacher, metric)
            scores = _numbers(metric.compute_metrics(metric.results))
    except Exception as error:  # whatever the user's data and metric come up with
        [reason, *_] = f'{type(error).__name__}: {error}'.splitlines()
        return TeacherScore(f'not measured: {reason}', error=reason)
    if empty:
        return TeacherScore(f'finds nothing on {count} validation images', True)
    if not scores:
        return TeacherScore(f'not measured: {type(metric).__name__} gives no number')
    name = next((n for n in scores if n.endswith(HEADLINES)), next(iter(scores)))
    value = scores[name]
    return TeacherScore(
        f'{name} {value:.3f} on {count} validation images',
        failing=value <= _floor(name, len(classes or ())),
    )


def _numbers(scores: dict[str, Any]) -> dict[str, float]:
    """Those of the scores that are one number."""
    return {
        name: float(value)
        for name, value in scores.items()
        if isinstance(value, Real) or (torch.is_tensor(value) and value.numel() == 1)
    }


def _floor(name: str, classes: int) -> float:
    """Scores up to here are no better than chance."""
    if not name.startswith('top'):
        return NEAR_ZERO
    return 100 * max(NEAR_ZERO, 1.5 / classes if classes else 0.0)  # in percent


@torch.no_grad()
def _look(
    runner: Runner, model: TSKDDistiller, teacher: FrozenTeacher, metric: BaseMetric
) -> tuple[int, bool]:
    """Predict and hand over to the metric.

    Returns:
        How many images it were, and whether a detector found nothing in any.
    """
    loader = runner.val_loop.dataloader
    model.eval()
    seen = []
    empty = True
    start = time.perf_counter()
    for image in sample_images(loader, IMAGES):
        batch = loader.collate_fn([image])
        data = model.data_preprocessor(batch, False)
        images = teacher.adapt(data['inputs'], data['data_samples'])
        [sample] = teacher.model(images, data['data_samples'], mode='predict')
        metric.process(batch, [sample.to_dict()])
        seen.append(sample.get('img_id'))
        empty &= 'pred_instances' in sample and len(sample.pred_instances) == 0
        if time.perf_counter() - start > SECONDS:
            break
    if hasattr(metric, 'img_ids'):  # else those of COCO count the other images too
        metric.img_ids = seen
    return len(seen), empty


@contextmanager
def _borrowed(metric: BaseMetric) -> Iterator[None]:
    before = dict(vars(metric))
    metric.results = []
    if hasattr(metric, 'outfile_prefix'):
        metric.outfile_prefix = None  # results to keep are those of the student
    try:
        yield
    finally:
        vars(metric).clear()
        vars(metric).update(before)


@contextmanager
def _quiet() -> Iterator[None]:
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('CRITICAL')
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _class_counts(model: nn.Module) -> set[int]:
    """What the parts of a model say about its number of classes."""
    counts = {
        getattr(module, 'num_classes', None)
        for name, module in model.named_modules()
        if 'rpn' not in name  # tells objects from background
    }
    return {count for count in counts if isinstance(count, int) and count > 0}
