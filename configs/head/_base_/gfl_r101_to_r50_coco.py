# GFL R101 to R50 by their heads, without TSKD: a leaf names the losses.
_base_ = 'mmdet::gfl/gfl_r50_fpn_1x_coco.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::gfl/gfl_r101_fpn_ms-2x_coco.py',
    teacher_checkpoint='auto',
    feature_losses=dict(),
    head_losses=dict(),
    review=None,
)
custom_hooks = [dict(type='DistillationHook')]
