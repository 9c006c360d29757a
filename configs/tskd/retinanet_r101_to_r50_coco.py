_base_ = [
    'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    '../_base_/tskd_fpn.py',
]

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::retinanet/retinanet_r101_fpn_1x_coco.py',
    **_base_.tskd,
)
custom_hooks = [_base_.tskd_hook]
