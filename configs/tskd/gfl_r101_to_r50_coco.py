_base_ = ['mmdet::gfl/gfl_r50_fpn_1x_coco.py', '../_base_/tskd_fpn.py']

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::gfl/gfl_r101_fpn_ms-2x_coco.py',
    **_base_.tskd,
)
custom_hooks = [_base_.tskd_hook]
