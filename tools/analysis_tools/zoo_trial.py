"""Tries one config of a zoo as student and teacher at once."""

import json
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData
from torch import nn

from tskd_mm.apis.find_levels import NUM_STAGES, find_levels
from tskd_mm.apis.untrained_distiller import say_training_begins
from tskd_mm.engine.preflight.class_check import head_classes
from tskd_mm.models.features.dry_run import image_channels
from tskd_mm.models.loading.model_config import find_model

# Of an image, and where that does not fit.
PIXELS = {'mmdet': (128, 320), 'mmpretrain': (224, 256, 32)}
ENOUGH = 10  # classes that random annotations are of, at most


def try_config(name: str) -> dict[str, str]:
    """Taps, strides of the levels, and outcome, in words.

    Args:
        name: Such as ``'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'``.
    """
    init_default_scope(name.partition('::')[0])
    torch.manual_seed(0)
    say_training_begins()
    found = find_model(name, 'student')
    source = replace(found, config=without_weights(found.config))
    row = {'taps': '', 'levels': ''}
    try:
        model = MODELS.build(deepcopy(source.config))  # some models write in theirs
        model.train()
        batch = fitting_batch(name, model)
    except Exception as error:  # whatever a host's model comes up with
        return row | {'outcome': f"the host's own loss fails: {said(error)}"}
    del model
    try:
        levels = find_levels(source)
        taps = levels.taps_of(levels.strides[-NUM_STAGES:])
        row['taps'] = ', '.join(f'`{tap}`' for tap in taps)
        row['levels'] = phases(source.config, taps, batch)
    except Exception as error:
        return row | {'outcome': f'fails: {said(error)}'}
    return row | {'outcome': 'works'}


def phases(config: dict, taps: list[str], batch: Callable) -> str:
    """A step in each phase; the strides of the levels."""
    pair: dict[str, Any] = dict(student=config, teacher=config, teacher_checkpoint=None)
    if taps != ['neck']:  # the default
        pair['student_taps'] = taps
    model = MODELS.build({'type': 'TSKDDistiller', **pair})
    model.init_weights()
    model.train()
    for phase in ('memorize', 'review', 'general'):
        model.phase = phase
        losses = step(model, batch)
        if phase == 'memorize':
            for slot in range(3):
                model.memorize(slot)
        if (phase == 'review') != ('loss_review' in losses):
            raise RuntimeError(f'the losses of {phase} are {[*losses]}')
    return ', '.join(map(str, model.strides))


def step(model: nn.Module, batch: Callable) -> dict[str, Any]:
    """Losses of a batch, after their backward pass."""
    data = model.data_preprocessor(batch(), True)
    losses = model(**data, mode='loss')
    total, values = model.parse_losses(losses)
    if not torch.isfinite(total):
        raise FloatingPointError(f'the loss is {float(total)}')
    total.backward()
    model.zero_grad()
    return values


def fitting_batch(name: str, model: nn.Module) -> Callable[[], dict]:
    """What makes batches of the first size that the model's own loss takes."""
    sizes = PIXELS[name.partition('::')[0]]
    for pixels in sizes:
        batch = random_batch(name, model, pixels)
        try:
            step(model, batch)
        # Fewer pixels than a kernel, than queries, or no window's number.
        except (RuntimeError, AssertionError):
            if pixels == sizes[-1]:
                raise
        else:
            break
    return batch


def random_batch(name: str, model: nn.Module, pixels: int) -> Callable[[], dict]:
    """Makes batches of two random images with annotations that the model reads."""
    if name.startswith('mmpretrain::'):
        return lambda: classified(pixels, image_channels(model)[0])
    from mmdet.testing import demo_track_inputs

    classes = min(head_classes(model) or ENOUGH, ENOUGH)
    preprocessor = model.data_preprocessor
    tracks = type(preprocessor).__name__ == 'TrackDataPreprocessor'
    if tracks and not preprocessor.use_det_processor:
        return lambda: demo_track_inputs(
            batch_size=1, num_frames=2, num_classes=classes, with_mask=True
        )
    masks = any('mask' in path for path, _ in model.named_modules())
    return lambda: detected(pixels, classes, masks)


def detected(pixels: int, classes: int, masks: bool) -> dict:
    """Two random images with boxes and proposals, which are the boxes."""
    from mmdet.testing import demo_mm_inputs

    batch = demo_mm_inputs(
        2,
        [(3, pixels, pixels)] * 2,
        num_items=[3, 2],
        num_classes=max(2, classes),  # it makes no labels of one class
        with_mask=masks,
        with_semantic=True,
    )
    for sample in batch['data_samples']:
        sample.gt_instances.labels %= classes
        sample.proposals = InstanceData(bboxes=sample.gt_instances.bboxes)
    return batch


def classified(pixels: int, channels: int) -> dict:
    """Two random images of two classes."""
    from mmpretrain.structures import DataSample

    samples = [DataSample().set_gt_label(i) for i in (0, 1)]
    images = torch.randint(0, 256, (2, channels, pixels, pixels))
    return {'inputs': images, 'data_samples': samples}


def without_weights(config: Any) -> Any:
    """The config without weights to download."""
    if isinstance(config, dict):
        kept = {
            key: without_weights(value)
            for key, value in config.items()
            if key not in ('pretrained', 'teacher_ckpt') and not _is_download(value)
        }
        return ConfigDict(kept)
    if isinstance(config, (list, tuple)):
        return type(config)(without_weights(x) for x in config if not _is_download(x))
    return config


def _is_download(value: Any) -> bool:
    return isinstance(value, dict) and 'checkpoint' in value


def said(error: Exception) -> str:
    [text, *_] = str(error).splitlines() or ['']
    return f'{type(error).__name__}: {text}'[:300]


if __name__ == '__main__':
    print('ZOO', json.dumps(try_config(sys.argv[1])))
