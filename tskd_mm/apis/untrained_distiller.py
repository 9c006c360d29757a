"""A config's distiller at random weights, to time it without any checkpoint."""

from copy import deepcopy

from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, init_default_scope
from torch.optim.swa_utils import update_bn

from ..engine.log_level import log_level
from ..models.distillers.tskd_distiller import TSKDDistiller
from ..models.loading.model_config import find_model
from .random_batch import random_batch


def untrained_distiller(config: Config) -> TSKDDistiller:
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
    with log_level('ERROR'):  # it would tell of every weight
        distiller.init_weights()
    distiller.phase = 'general'  # there is no hook here
    say_training_begins()
    # Without statistics of its batch norms a deep one overflows in half precision.
    data = distiller.data_preprocessor(random_batch(config, images=2), True)
    update_bn([data['inputs']], distiller.teacher.model.backbone)
    distiller.fold_teacher()
    return distiller.train()


def say_training_begins() -> None:
    """Tell models that ask (YOLOX, TOODHead) the iteration, as a runner does."""
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 0)
    hub.update_info('epoch', 0)
