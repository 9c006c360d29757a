"""Shipped configs, built offline, and a step of their training in each phase."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.structures import DataSample
from tiny_detectors import shake
from toys import photos

from tskd_mm.models import TSKDDistiller
from tskd_mm.models.loading.model_config import find_model


def build(path: Path) -> tuple[Config, TSKDDistiller]:
    """A config and its model, student and teacher at random weights."""
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    teacher = find_model(config.model.teacher, 'teacher').config
    for part in (config.model.student, teacher):
        part['backbone']['init_cfg'] = None
    config.model.update(teacher=teacher, teacher_checkpoint=None)
    if 'teacher_classes' in config.model:  # by name; the names come with the weights
        config.model.teacher_classes = [*range(len(config.model.teacher_classes))]
    preprocessor = config.get('data_preprocessor')
    defaults = {'data_preprocessor': preprocessor} if preprocessor else {}
    model = MODELS.build(config.model, default_args=defaults)
    model.init_weights()
    return config, model.train()


def images(config: Config, path: Path, size: int = 64) -> dict:
    """Two random images of a size for a classifier, two photographs for a detector."""
    if config.default_scope == 'mmdet':
        scale = 2 if path.stem.startswith('query') else 1
        return photos('mask' in path.stem, scale)
    return {
        'inputs': torch.randint(0, 255, (2, 3, size, size)).float(),
        'data_samples': [DataSample().set_gt_label(i) for i in (1, 2)],
    }


def take_steps(model: TSKDDistiller, data: dict) -> None:
    """One in each phase: losses are there, and what trains is what should move."""
    MessageHub.get_current_instance().update_info('iter', 0)  # YOLOX's resizing asks
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 1e-4))
    if 'query' in model.static_losses.heads:
        # Untrained transformers find the same boxes: their regression is zero.
        shake(model.teacher.model.bbox_head, 0.01)
    phases = ('memorize', 'general', 'review') if model.review else ('general',)
    teacher = copy_of(model.teacher.model)
    for phase in phases:
        model.phase = phase
        parts = model, model.static_losses, model.review or torch.nn.Module()
        before = [*map(copy_of, parts)]
        losses = model.train_step(data, optimizer)
        assert all(torch.isfinite(value) for value in losses.values())
        assert all(losses[f'loss_{name}'] > 0 for name in model.static_losses.names)
        assert ('loss_review' in losses) == (phase == 'review')
        student, adapters, review = map(moved, before, parts)
        assert student and adapters == bool(before[1])
        assert review == (phase == 'review' and bool(before[2]))
        if phase == 'memorize':
            for slot in range(3):
                model.memorize(slot)
    # Without weight decay what moved had a gradient.
    assert not any(p.requires_grad for p in model.teacher.model.parameters())
    assert not moved(teacher, model.teacher.model)
    assert not any(m.training for m in model.teacher.model.modules())


def moved(before: dict, module: torch.nn.Module) -> bool:
    return any(not torch.equal(v, before[k]) for k, v in module.state_dict().items())


def copy_of(module: torch.nn.Module) -> dict:
    return {k: v.clone() for k, v in module.state_dict().items()}
