# A tiny RetinaNet that learns with every loss on features and reviews by the epoch.
# What tskd_mm has defaults for is named.
_base_ = 'mmdet::_base_/models/retinanet_r50_fpn.py'

custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)
default_scope = 'mmdet'

_backbone = dict(
    depth=18,
    num_stages=2,
    strides=(1, 2),
    dilations=(1, 1),
    out_indices=(0, 1),
    norm_eval=False,
    init_cfg=None,
)
_neck = dict(start_level=0, num_outs=3)
_head = dict(stacked_convs=1, anchor_generator=dict(strides=[4, 8, 16]))
_student, _teacher = _base_.model, _base_.model.copy()
_student.backbone.update(base_channels=2, **_backbone)
_student.neck.update(in_channels=[2, 4], out_channels=4, **_neck)
_student.bbox_head.update(num_classes=3, in_channels=4, feat_channels=4, **_head)
_teacher.backbone.update(base_channels=3, **_backbone)
_teacher.neck.update(in_channels=[3, 6], out_channels=5, **_neck)
_teacher.bbox_head.update(num_classes=5, in_channels=5, feat_channels=5, **_head)
