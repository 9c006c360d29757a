# RetinaNet for digits of 20 to 64 pixels, from scratch: three levels, small anchors.
_base_ = 'mmdet::_base_/models/retinanet_r50_fpn.py'

model = dict(
    backbone=dict(
        depth=18,
        frozen_stages=-1,
        norm_eval=False,
        init_cfg=None,
    ),
    neck=dict(add_extra_convs=False, num_outs=3, norm_cfg=dict(type='BN')),
    bbox_head=dict(
        num_classes=10,
        stacked_convs=2,
        norm_cfg=dict(type='GN', num_groups=8),
        # Digits are taller than wide.
        anchor_generator=dict(
            octave_base_scale=2.5,
            scales_per_octave=2,
            ratios=[1.0, 2.0],
            strides=[8, 16, 32],
        ),
    ),
    test_cfg=dict(nms_pre=200, max_per_img=50),
)
