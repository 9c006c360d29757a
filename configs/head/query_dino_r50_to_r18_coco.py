# DINO R50 to R18 by the teacher's queries, without TSKD.
_base_ = 'mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

_base_.model.backbone.update(
    depth=18, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18')
)
_base_.model.neck.update(in_channels=[128, 256, 512])

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py',
    teacher_checkpoint='auto',
    feature_losses=dict(),
    head_losses=dict(query=dict(type='QueryKDLoss')),
    review=None,
)
custom_hooks = [dict(type='DistillationHook')]
