# A small RetinaNet for persons on 208 COCO images (MMDetection trains on the 101 that
# show any): ImageNet's MobileNetV2 with a narrow pyramid, 16 epochs.
_base_ = [
    'mmdet::_base_/models/retinanet_r50_fpn.py',
    'mmdet::_base_/datasets/coco_detection.py',
    'mmdet::_base_/default_runtime.py',
]

data = '{{$TSKD_DATA:data}}/'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.MobileNetV2',  # MMDetection's has other names for its weights
        out_indices=(2, 4, 6),
        frozen_stages=2,
        norm_eval=True,
        init_cfg=dict(
            type='Pretrained', checkpoint=data + 'mobilenet_v2.pth', prefix='backbone.'
        ),
    ),
    neck=dict(in_channels=[32, 96, 320], out_channels=96, start_level=0),
    bbox_head=dict(num_classes=1, in_channels=96, feat_channels=96, stacked_convs=2),
)

_base_.train_pipeline[2].scale = (384, 320)
_base_.test_pipeline[1].scale = (384, 320)
_part = dict(
    type='CocoDataset',
    metainfo=dict(classes=('person',)),
    ann_file='annotations/instances_train2017.json',
    data_prefix=dict(img='train2017/'),
    filter_cfg=dict(filter_empty_gt=True),  # MMDetection's own setting
    pipeline=_base_.train_pipeline,
)
_loader = dict(batch_size=4, num_workers=0, persistent_workers=False)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(data_root=data + 'coco_tiny/', **_part),
            dict(data_root=data + 'coco128/', **_part),
        ],
    ),
    **_loader,
)
val_dataloader = dict(
    dataset=dict(
        data_root=data + 'coco_tiny/',
        metainfo=_part['metainfo'],
        pipeline=_base_.test_pipeline,
    ),
    **_loader,
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data + 'coco_tiny/annotations/instances_val2017.json')
test_evaluator = val_evaluator

epochs = 16
train_cfg = dict(
    type='EpochBasedTrainLoop',
    max_epochs=epochs,
    val_interval=4,
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=26),
    dict(type='CosineAnnealingLR', T_max=epochs, convert_to_iter_based=True),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=10),
)
default_hooks = dict(
    logger=dict(interval=13), checkpoint=dict(interval=-1, save_last=True)
)
