"""A batch of random images, to time a config without its data."""

import torch
from mmengine.config import Config

from ..models.loading.model_config import find_model

# Images and their height and width, where nothing else is asked for.
DEFAULTS = {'mmpretrain': (128, (32, 32)), 'mmdet': (2, (320, 320))}


def random_batch(
    config: Config, images: int | None = None, size: tuple[int, int] | None = None
) -> dict:
    """Random images, as a data loader gives them, with classes or with boxes.

    Args:
        config: Of the training.
        images: How many. Default: 128 for a classifier, 2 for a detector.
        size: Their height and width. Default: 32x32 for a classifier, 320x320 for a
            detector.
    """
    scope = config.default_scope
    student = find_model(config.model.student, 'student').config
    images, size = images or DEFAULTS[scope][0], size or DEFAULTS[scope][1]
    classes = _classes(student)
    if scope == 'mmpretrain':
        from mmpretrain.structures import DataSample

        samples = [DataSample().set_gt_label(i % classes) for i in range(images)]
        pixels = torch.randint(0, 255, (images, 3, *size)).float()
        return {'inputs': pixels, 'data_samples': samples}
    from mmdet.testing import demo_mm_inputs

    has_masks = 'mask_head' in student.get('roi_head', {})
    return demo_mm_inputs(
        images, [(3, *size)] * images, num_classes=classes, with_mask=has_masks
    )


def _classes(model: dict) -> int:
    heads = (
        model.get('head') or model.get('bbox_head') or model['roi_head']['bbox_head']
    )
    return (heads[0] if isinstance(heads, list) else heads)['num_classes']
