# Faster R-CNN R101 to R50 by second stage and neck, without TSKD. PKD's weight is that
# of mmrazor's recipe for Faster R-CNN.
_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_2x_coco.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::faster_rcnn/faster-rcnn_r101_fpn_2x_coco.py',
    teacher_checkpoint='auto',
    feature_losses=dict(pkd=dict(type='PKDLoss', loss_weight=6.0)),
    head_losses=dict(roi=dict(type='RoIHeadKDLoss')),
    review=None,
)
custom_hooks = [dict(type='DistillationHook')]
