_base_ = 'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::yolox/yolox_s_8xb8-300e_coco.py',
    teacher_checkpoint='auto',
    feature_losses=dict(),
    head_losses=dict(bckd=dict(type='BCKDLoss')),
    review=None,
)
custom_hooks = [*_base_.custom_hooks, dict(type='DistillationHook')]
