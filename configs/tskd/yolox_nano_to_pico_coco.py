_base_ = [
    'mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    '../_base_/tskd_fpn.py',
]

# Pico: half of Nano's width.
_base_.model.backbone.update(widen_factor=0.125)
_base_.model.neck.update(in_channels=[32, 64, 128], out_channels=32)
_base_.model.bbox_head.update(in_channels=32, feat_channels=32)

# mmdet's index lists no weights for Nano: give model.teacher_checkpoint a file.
model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    **_base_.tskd,
)
# 15 reviews in 300 epochs, one epoch in 20 as in the release.
custom_hooks = [*_base_.custom_hooks, dict(_base_.tskd_hook, interval=5)]
