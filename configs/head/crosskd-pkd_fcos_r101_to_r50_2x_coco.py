_base_ = 'mmdet::fcos/fcos_r50-caffe_fpn_gn-head_ms-640-800-2x_coco.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::fcos/fcos_r101-caffe_fpn_gn-head_ms-640-800-2x_coco.py',
    teacher_checkpoint='auto',
    feature_losses=dict(pkd=dict(type='PKDLoss')),
    head_losses=dict(crosskd=dict(type='CrossKDLoss')),
    review=None,
)
custom_hooks = [dict(type='DistillationHook')]
