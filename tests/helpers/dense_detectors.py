"""A tiny detector of every family of dense heads, from the host's own configs."""

import re
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub
from mmengine.registry import MODELS
from torch import nn

from tskd_mm.models import TSKDDistiller

# A config of the host for each family, and what its bbox_head is called.
FAMILIES = {
    'RetinaNet': 'retinanet/retinanet_r50_fpn_1x_coco.py',
    'ATSS': 'atss/atss_r50_fpn_1x_coco.py',
    'PAA': 'paa/paa_r50_fpn_1x_coco.py',
    'GFL': 'gfl/gfl_r50_fpn_1x_coco.py',
    'FCOS': 'fcos/fcos_r50-caffe_fpn_gn-head-center-normbbox-'
    'centeronreg-giou_1x_coco.py',
    'VFNet': 'vfnet/vfnet_r50_fpn_1x_coco.py',
    'TOOD': 'tood/tood_r50_fpn_1x_coco.py',
    'RTMDet': 'rtmdet/rtmdet_tiny_8xb32-300e_coco.py',
    'YOLOX': 'yolox/yolox_tiny_8xb8-300e_coco.py',
}
WIDTH = 32  # of neck and head: a multiple of the groups of their norms
CLASSES = 3
LOSSES = {
    'bckd': dict(type='BCKDLoss'),
    'crosskd': dict(type='CrossKDLoss'),
    'ld': dict(type='LDLoss'),
    'score': dict(type='ScoreWeightedL2Loss'),
}
WITHOUT = {  # losses that refuse a family
    family: {'ld'} | ({'crosskd'} if family == 'TOOD' else set())
    for family in FAMILIES
    if family != 'GFL'
}


def dense_detector(family: str, classes: int = CLASSES) -> ConfigDict:
    """mmdet's detector of a family with few channels and no pretrained weights."""
    import mmdet

    folder = Path(mmdet.__file__).parent / '.mim' / 'configs'
    config = Config.fromfile(str(folder / FAMILIES[family]))
    model = config.model
    model.bbox_head.num_classes = classes
    if family in ('RTMDet', 'YOLOX'):
        model.backbone.update(deepen_factor=0.1, widen_factor=0.125)
        channels = [32, 64, 128]
        model.neck.update(in_channels=channels, out_channels=WIDTH, num_csp_blocks=1)
    else:
        model.backbone.update(depth=18, base_channels=8)
        model.neck.update(in_channels=[8, 16, 32, 64], out_channels=WIDTH)
    model.backbone.init_cfg = None
    model.bbox_head.update(in_channels=WIDTH, feat_channels=WIDTH)
    if family == 'YOLOX':
        model.data_preprocessor.batch_augments = None
    return model


def losses_of(family: str) -> dict[str, dict]:
    refused = WITHOUT.get(family, set())
    return {name: loss for name, loss in LOSSES.items() if name not in refused}


def dense_distiller(
    family: str = 'RetinaNet', losses: dict | None = None, **config: Any
) -> TSKDDistiller:
    """Student and teacher of one family, of which the teacher knows other weights."""
    for name in ('iter', 'epoch'):  # YOLOX asks the runner for one, TOOD for the other
        MessageHub.get_current_instance().update_info(name, 0)
    model = MODELS.build(
        {
            'type': 'TSKDDistiller',
            'student': dense_detector(family),
            'teacher': dense_detector(family),
            'teacher_checkpoint': None,
            'feature_losses': {},
            'head_losses': losses_of(family) if losses is None else losses,
            'review': None,
            **config,
        }
    )
    model.init_weights()
    model.phase = 'general'
    for part in (model.student, model.teacher.model):
        shake(part)
    return model


def shake(model: nn.Module) -> None:
    """Weights and statistics as of training: scores that differ, features of size 1."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity='relu')
    for name, parameter in model.bbox_head.named_parameters():
        if re.search(r'_(cls|reg|obj|centerness)(\.\d)?\.weight', name):
            nn.init.normal_(parameter, std=0.05)
