_base_ = ['mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', '../_base_/tskd_fpn.py']

_base_.model.backbone = dict(
    type='MobileNetV2',
    out_indices=(1, 2, 4, 6),
    norm_eval=True,
    init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://mmdet/mobilenet_v2'),
)
_base_.model.neck.update(in_channels=[24, 32, 96, 320])

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::faster_rcnn/faster-rcnn_r50_fpn_2x_coco.py',
    **_base_.tskd,
)
custom_hooks = [_base_.tskd_hook]
