# Digits on 128x128 images, 16 epochs: what every demo config shares beside the model.
_base_ = [
    'mmdet::_base_/datasets/coco_detection.py',
    'mmdet::_base_/default_runtime.py',
]

data_root = 'data/digits/'
scale = (128, 128)
metainfo = dict(classes=tuple('0123456789'))

# No flip: a mirrored digit is none.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='PackDetInputs'),
]
_base_.test_pipeline[1].scale = scale

split = dict(data_root=data_root, metainfo=metainfo)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        ann_file='annotations/train.json',
        data_prefix=dict(img='train/'),
        filter_cfg=dict(min_size=0),
        pipeline=train_pipeline,
        **split,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        ann_file='annotations/val.json',
        data_prefix=dict(img='val/'),
        pipeline=_base_.test_pipeline,
        **split,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/val.json')
test_evaluator = val_evaluator

# With a node every epoch 16 epochs hold four cycles M1 M2 M3 R.
epochs = 16
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=40),
    dict(type='CosineAnnealingLR', T_max=epochs, convert_to_iter_based=True),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=4e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=10),
)

default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(max_keep_ckpts=1, save_best='auto'),
)
log_processor = dict(window_size=10)
randomness = dict(seed=0)
