"""mmdet's two-stage detectors and transformers with few channels and layers."""

import torch
from mmengine.config import ConfigDict
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tskd_mm.models import TSKDDistiller
from tskd_mm.models.loading.model_config import find_model

CONFIGS = {
    'faster': 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco',
    'mask': 'mask_rcnn/mask-rcnn_r50_fpn_1x_coco',
    'cascade': 'cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco',
    'deformable': 'deformable_detr/deformable-detr_r50_16xb2-50e_coco',
    'dab': 'dab_detr/dab-detr_r50_8xb2-50e_coco',
    'dino': 'dino/dino-4scale_r50_8xb2-12e_coco',
}
ROI = ('faster', 'mask', 'cascade')
QUERY = ('deformable', 'dab', 'dino')


def tiny_detector(family: str, **changes: int) -> ConfigDict:
    """A small detector of a family, without pretrained weights.

    Args:
        family: A key of :data:`CONFIGS`.
        changes: Of :func:`tiny_roi` or :func:`tiny_detr`.
    """
    config = find_model(f'mmdet::{CONFIGS[family]}.py', 'student').config
    config.backbone.update(depth=18, base_channels=8, init_cfg=None)
    return (tiny_roi if family in ROI else tiny_detr)(config, **changes)


def tiny_roi(config: ConfigDict, classes: int = 3, channels: int = 16) -> ConfigDict:
    """Faster, Mask or Cascade Mask R-CNN."""
    config.neck.update(in_channels=[8, 16, 32, 64], out_channels=channels)
    config.rpn_head.update(in_channels=channels, feat_channels=channels)
    head = config.roi_head
    for part in _all(head.bbox_roi_extractor) + _all(head.get('mask_roi_extractor')):
        part.out_channels = channels
    for part in _all(head.bbox_head):
        part.update(in_channels=channels, fc_out_channels=32, num_classes=classes)
    for part in _all(head.get('mask_head')):
        part.update(
            in_channels=channels,
            conv_out_channels=channels,
            num_convs=1,
            num_classes=classes,
        )
    for stage in _all(config.train_cfg.rcnn):
        stage.sampler.num = 32
    config.train_cfg.rpn_proposal.update(nms_pre=64, max_per_img=64)
    return config


def tiny_detr(
    config: ConfigDict,
    classes: int = 3,
    layers: int = 2,
    queries: int = 10,
    width: int = 32,
) -> ConfigDict:
    """Deformable-DETR, DAB-DETR or DINO, which is made for 256 channels alone."""
    if config.type == 'DINO':
        width = 256
        config.dn_cfg.group_cfg.num_dn_queries = 10
    config.num_queries = queries
    single = config.type == 'DABDETR'
    config.neck.update(in_channels=[64] if single else [16, 32, 64], out_channels=width)
    for coder in (config.encoder, config.decoder):
        coder.num_layers = 1
        coder.layer_cfg.self_attn_cfg.embed_dims = width
        coder.layer_cfg.ffn_cfg.update(embed_dims=width, feedforward_channels=32)
    config.decoder.num_layers = layers
    config.decoder.layer_cfg.cross_attn_cfg.embed_dims = width
    config.positional_encoding.num_feats = width // 2
    config.bbox_head.update(num_classes=classes, embed_dims=width)
    return config


def _all(part: ConfigDict | list | None) -> list[ConfigDict]:
    return [] if part is None else list(part) if isinstance(part, list) else [part]


def head_distiller(
    family: str, student: ConfigDict, teacher: ConfigDict, **config: object
) -> TSKDDistiller:
    """Distils heads of a family alone, by the loss ``head``; weights are random.

    None is at a special starting value: zero weights would predict one box for all.
    """
    loss = 'RoIHeadKDLoss' if family in ROI else 'QueryKDLoss'
    model = TSKDDistiller(
        student,
        teacher,
        None,
        feature_losses={},
        head_losses={'head': {'type': loss}},
        review=None,
        **config,
    )
    model.init_weights()
    shake(model.student, 0.02)
    shake(model.teacher.model, 0.02)
    model.phase = 'general'
    return model


@torch.no_grad()
def shake(model: nn.Module, deviation: float) -> None:
    """Add noise to every parameter."""
    for parameter in model.parameters():
        parameter.add_(torch.randn_like(parameter) * deviation)


def without_chance(model: TSKDDistiller, mode: str) -> TSKDDistiller:
    """No dropout, no running statistics: all modules ``'eval'``, or ``'frozen norms'``.

    The student itself is always in train mode, as its loss demands of it.
    """
    model.train()
    for module in [*model.student.modules()][1:]:
        if mode == 'eval' or isinstance(module, _BatchNorm):
            module.eval()
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    return model


def head_losses(model: TSKDDistiller, data: dict) -> tuple[dict[str, float], float]:
    """The losses of the heads, and the largest gradient that they give the student."""
    losses = model.loss(data['inputs'], data['data_samples'])
    found = {name: losses[f'loss_{name}'] for name in model.loss_names}
    model.zero_grad()
    sum(found.values()).backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    largest = max(float(gradient.abs().max()) for gradient in gradients)
    return {name: float(loss) for name, loss in found.items()}, largest
