"""A small distiller with memories, and a checkpoint of it."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from toys import tiny_retinanet

PIPELINE = [
    {'type': 'LoadImageFromFile'},
    {'type': 'Resize', 'scale': (96, 64), 'keep_ratio': True},
    {'type': 'PackDetInputs', 'meta_keys': ('img_shape',)},
]


def distiller_config() -> Config:
    """Of tiny RetinaNets, with a test pipeline for one image."""
    model = {
        'type': 'TSKDDistiller',
        'student': tiny_retinanet(4),
        'teacher': tiny_retinanet(8),
        'teacher_checkpoint': None,
    }
    loader = {'dataset': {'pipeline': PIPELINE}}
    return Config({'default_scope': 'mmdet', 'model': model, 'test_dataloader': loader})


def save_distiller(config: Config, path: Path, memories: int = 3) -> Path:
    """A checkpoint whose memories differ; the youngest is the student now."""
    model = MODELS.build(config.model)
    model.init_weights()
    for slot in range(memories):
        for parameter in model.student.parameters():
            parameter.data.mul_(1.02)
        model.memorize(slot)
    content = {'state_dict': model.state_dict(), 'tskd': model.tskd_state()}
    torch.save(content, path)
    return path
