_base_ = 'mmdet::rtmdet/rtmdet_s_8xb32-300e_coco.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::rtmdet/rtmdet_m_8xb32-300e_coco.py',
    teacher_checkpoint='auto',
    feature_losses=dict(),
    head_losses=dict(bckd=dict(type='BCKDLoss')),
    review=None,
)
custom_hooks = [*_base_.custom_hooks, dict(type='DistillationHook')]
# Of the schedule's learning rate; the base says 16, which is that of another schedule.
auto_scale_lr = dict(base_batch_size=256)
