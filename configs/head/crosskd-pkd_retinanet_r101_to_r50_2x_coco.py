_base_ = 'mmdet::retinanet/retinanet_r50_fpn_2x_coco.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::retinanet/retinanet_r101_fpn_2x_coco.py',
    teacher_checkpoint='auto',
    feature_losses=dict(pkd=dict(type='PKDLoss')),
    head_losses=dict(crosskd=dict(type='CrossKDLoss')),
    review=None,
)
custom_hooks = [dict(type='DistillationHook')]
