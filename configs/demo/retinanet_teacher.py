_base_ = ['_base_/digits_detection.py', '_base_/digits_retinanet.py']

model = dict(
    backbone=dict(base_channels=24),
    neck=dict(in_channels=[24, 48, 96, 192], out_channels=48),
    bbox_head=dict(in_channels=48, feat_channels=48),
)
