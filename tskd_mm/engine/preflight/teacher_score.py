"""The teacher's own metric on a few validation images."""

import time
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from mmengine.registry import METRICS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from ...models.distillers.tskd_distiller import TSKDDistiller
from ..validation_images import one_image, validation_images
from .main_metric import main_metric
from .student_classes import in_student_classes

IMAGES = 16
SECONDS = 15  # for the images; a slow machine looks at fewer
NEAR_ZERO = 0.02  # of a perfect score
# Where metrics of mmengine, mmdet and mmpretrain write.
WRITTEN = ('outfile_prefix', 'outfile_path', 'out_file_path', 'file_path', 'output_dir')
Predictions = list[tuple[Any, Any]]  # batches of one image, predicted samples


class TeacherScore(NamedTuple):
    """The metric in words, or why there is none; whether it is like chance."""

    text: str
    failing: bool = False


def score_teacher(
    runner: Runner, model: TSKDDistiller, chosen: Sequence[int] | None = None
) -> TeacherScore:
    """Run the whole teacher on validation images and ask the config's metrics.

    It sees what it sees in training: the student's batch in its own normalisation. Data
    set and metrics are built for this alone, and what these write is deleted. Nothing
    here talks to other processes.

    Args:
        runner: About to train.
        model: Its distiller.
        chosen: From :func:`~.student_classes.chosen_classes`.
    """
    if runner.val_loop is None:
        return TeacherScore('not measured: the config has no validation')
    meta = getattr(runner.val_dataloader.dataset, 'metainfo', None) or {}
    classes = len(meta.get('classes') or ())
    known = _class_counts(model.require_teacher().model)
    if classes and known and classes not in known and chosen is None:
        return TeacherScore(
            f'not measured: it knows {max(known)} classes, the validation set has '
            f'{classes}: set teacher_classes to those of the student'
        )
    try:
        loader = validation_images(runner)
    except TypeError as error:  # it is not given by a config
        return TeacherScore(f'not measured: {error}')
    predictions = _predict(model, loader)
    images = f'{len(predictions)} validation images'
    samples = [sample for _, sample in predictions]
    if chosen is not None:
        samples = [in_student_classes(sample, chosen) for sample in samples]
    if all('pred_instances' in s and len(s.pred_instances) == 0 for s in samples):
        return TeacherScore(f'finds nothing on {images}', True)
    name, value = _first_number(runner._val_evaluator, predictions, meta)
    if not name:
        return TeacherScore('not measured: no metric gives a number')
    chance = 1.5 / classes if name.startswith('top') and classes else 0.0
    percent = 100 if name.startswith('top') else 1
    failing = value <= percent * max(NEAR_ZERO, chance)
    return TeacherScore(f'{name} {value:.3f} on {images}', failing)


def _predict(model: TSKDDistiller, images: DataLoader) -> Predictions:
    """At even distances, as many as the time allows."""
    teacher = model.require_teacher()
    whole: Any = images.dataset  # the sampler has this process's share alone
    total = len(whole)
    count = min(IMAGES, total)
    found: Predictions = []
    start = time.perf_counter()
    while len(found) < count and time.perf_counter() - start < SECONDS:
        batch = one_image(images, len(found) * total // count)
        data = model.data_preprocessor(batch, False)
        [sample] = teacher.predict(data['inputs'], data['data_samples'])
        found.append((batch, sample))
    return found


def _first_number(
    evaluator: Any, predictions: Predictions, meta: dict
) -> tuple[str, float]:
    """Name and value of the first metric that has one; an empty name if none has."""
    nested = isinstance(evaluator, dict) and 'metrics' in evaluator
    configs = evaluator['metrics'] if nested else evaluator
    for config in configs if isinstance(configs, Sequence) else [configs]:
        scores = _numbers(_scores(config, predictions, meta))
        if scores:
            name = main_metric(scores)
            return name, scores[name]
    return '', 0.0


def _scores(config: dict, predictions: Predictions, meta: dict) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        written = {key: config[key] for key in WRITTEN if config.get(key)}
        moved = {k: str(Path(folder, Path(v).name)) for k, v in written.items()}
        metric = METRICS.build({**config, **moved})
        metric.dataset_meta = meta
        for batch, sample in predictions:
            metric.process(batch, [sample.to_dict()])
        if hasattr(metric, 'img_ids'):  # else those of COCO count the others too
            metric.img_ids = [sample.get('img_id') for _, sample in predictions]
        return metric.compute_metrics(metric.results) or {}


def _numbers(scores: dict[str, Any]) -> dict[str, float]:
    """Those of the scores that are one number."""
    return {
        name: float(value)
        for name, value in scores.items()
        if isinstance(value, Real) or (torch.is_tensor(value) and value.numel() == 1)
    }


def _class_counts(model: nn.Module) -> set[int]:
    """Numbers of classes in the parts of a model."""
    counts = {
        getattr(module, 'num_classes', None)
        for name, module in model.named_modules()
        if 'rpn' not in name  # tells objects from background
    }
    return {count for count in counts if isinstance(count, int) and count > 0}
