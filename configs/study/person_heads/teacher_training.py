# How the teacher is trained: by YOLOX-Nano with PKD.
_base_ = 'teacher.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    teacher_checkpoint='{{$TSKD_DATA:data}}/yolox_nano.pth',
    strides=[8, 16, 32],
    feature_losses=dict(pkd=dict(type='PKDLoss')),
    review=None,
)
custom_hooks = [dict(type='DistillationHook', preflight=False)]
