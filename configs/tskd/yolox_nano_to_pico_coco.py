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
# For all 300 epochs interval=5 is the release's proportion, and cheaper.
custom_hooks = [*_base_.custom_hooks, _base_.tskd_hook]
