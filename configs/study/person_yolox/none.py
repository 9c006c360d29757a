# YOLOX-Pico, half of Nano's width, from random weights, on the images of the person
# study: six times as many epochs.
_base_ = '../person/none.py'

model = dict(
    _delete_=True,
    type='YOLOX',
    data_preprocessor=dict(
        type='DetDataPreprocessor', pad_size_divisor=32, pad_value=114
    ),
    backbone=dict(
        type='CSPDarknet', deepen_factor=0.33, widen_factor=0.125, use_depthwise=True
    ),
    neck=dict(
        type='YOLOXPAFPN',
        in_channels=[32, 64, 128],
        out_channels=32,
        num_csp_blocks=1,
        use_depthwise=True,
    ),
    bbox_head=dict(
        type='YOLOXHead',
        num_classes=1,
        in_channels=32,
        feat_channels=32,
        use_depthwise=True,
    ),
    train_cfg=dict(assigner=dict(type='SimOTAAssigner', center_radius=2.5)),
    test_cfg=dict(score_thr=0.01, nms=dict(type='nms', iou_threshold=0.65)),
)

epochs = 96
train_cfg = dict(max_epochs=epochs, val_interval=24)
_base_.param_scheduler[1].T_max = epochs
optim_wrapper = dict(optimizer=dict(lr=2e-3))
