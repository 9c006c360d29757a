"""What a config describes, with random weights and random images: to be timed."""

from copy import deepcopy

import torch
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import MODELS, init_default_scope
from torch.optim.swa_utils import update_bn

import tskd_mm  # noqa: F401  (registers the components)
from tskd_mm.models.distillers.tskd_distiller import TSKDDistiller
from tskd_mm.models.loading.model_config import find_model

# Images and their height and width, where nothing else is asked for.
BATCHES = {'mmpretrain': (128, (32, 32)), 'mmdet': (2, (320, 320))}


def random_batch(
    config: Config, images: int | None = None, size: tuple[int, int] | None = None
) -> dict:
    """Random images, as a data loader gives them, with classes or with boxes.

    Args:
        config: Of the training.
        images: How many. Default: 128 to classify, 2 for a detector.
        size: Their height and width. Default: 32x32 to classify, 320x320 else.
    """
    scope = config.default_scope
    student = find_model(config.model.student, 'student').config
    images, size = images or BATCHES[scope][0], size or BATCHES[scope][1]
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


def random_distiller(config: Config) -> TSKDDistiller:
    """The distiller of a config in training mode, in an ordinary step."""
    init_default_scope(config.default_scope)
    preprocessor = config.get('data_preprocessor')
    model = deepcopy(config.model)
    for role in ('student', 'teacher'):
        part = find_model(model[role], role, preprocessor).config
        part['backbone']['init_cfg'] = None
        model[role] = part
    model.update(teacher_checkpoint=None)
    distiller = MODELS.build(model)
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('ERROR')  # it would tell of every weight
    try:
        distiller.init_weights()
    finally:
        logger.setLevel(level)
    distiller.phase = 'general'  # there is no hook here
    first_iteration()
    assert distiller.teacher is not None  # init_weights made it
    # Without statistics of its batch norms a deep one overflows in half precision.
    data = distiller.data_preprocessor(random_batch(config, images=2), True)
    update_bn([data['inputs']], distiller.teacher.model.backbone)
    return distiller.train()


def first_iteration() -> None:
    """Tell models that ask (YOLOX, TOODHead) what a runner tells: training begins."""
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 0)
    hub.update_info('epoch', 0)
