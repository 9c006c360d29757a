_base_ = 'mmdet::atss/atss_r50_fpn_1x_coco.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::atss/atss_r101_fpn_1x_coco.py',
    teacher_checkpoint='auto',
    feature_losses=dict(),
    head_losses=dict(crosskd=dict(type='CrossKDLoss')),
    review=None,
)
custom_hooks = [dict(type='DistillationHook')]
