_base_ = ['mmdet::atss/atss_r50_fpn_1x_coco.py', '../_base_/tskd_fpn.py']

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::atss/atss_r101_fpn_1x_coco.py',
    **_base_.tskd,
)
custom_hooks = [_base_.tskd_hook]
