_base_ = ['mmdet::retinanet/retinanet_r50_fpn_2x_coco.py', '../_base_/tskd_fpn.py']

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::retinanet/retinanet_r101_fpn_2x_coco.py',
    **_base_.tskd,
)
custom_hooks = [dict(_base_.tskd_hook, interval=2)]  # three cycles in 24 epochs
