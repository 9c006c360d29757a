# A tiny RetinaNet that learns with every loss on features and reviews by the epoch.
# Everything is named: no default of the host or of tskd_mm comes in.
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)
default_scope = 'mmdet'

_preprocessor = dict(
    type='DetDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_size_divisor=32,
)
_anchors = dict(
    type='AnchorGenerator',
    octave_base_scale=4,
    scales_per_octave=1,
    ratios=[0.5, 1.0],
    strides=[4, 8, 16],
)
_boxes = dict(
    type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[1.0, 1.0, 1.0, 1.0]
)
_train_cfg = dict(
    assigner=dict(
        type='MaxIoUAssigner',
        pos_iou_thr=0.5,
        neg_iou_thr=0.4,
        min_pos_iou=0,
        ignore_iof_thr=-1,
    ),
    sampler=dict(type='PseudoSampler'),
    allowed_border=-1,
    pos_weight=-1,
    debug=False,
)
_test_cfg = dict(
    nms_pre=20,
    min_bbox_size=0,
    score_thr=0.0,
    nms=dict(type='nms', iou_threshold=0.5),
    max_per_img=5,
)
_backbone = dict(
    type='ResNet',
    depth=18,
    num_stages=2,
    strides=(1, 2),
    dilations=(1, 1),
    out_indices=(0, 1),
    frozen_stages=1,
    norm_cfg=dict(type='BN', requires_grad=True),
    norm_eval=False,
    style='pytorch',
    init_cfg=None,
)
_neck = dict(type='FPN', start_level=0, add_extra_convs='on_input', num_outs=3)
_head = dict(
    type='RetinaHead',
    stacked_convs=1,
    anchor_generator=_anchors,
    bbox_coder=_boxes,
    loss_cls=dict(
        type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0
    ),
    loss_bbox=dict(type='L1Loss', loss_weight=1.0),
)
_common = dict(
    type='RetinaNet',
    data_preprocessor=_preprocessor,
    train_cfg=_train_cfg,
    test_cfg=_test_cfg,
)

model = dict(
    type='TSKDDistiller',
    student=dict(
        backbone=dict(base_channels=2, **_backbone),
        neck=dict(in_channels=[2, 4], out_channels=4, **_neck),
        bbox_head=dict(num_classes=3, in_channels=4, feat_channels=4, **_head),
        **_common,
    ),
    teacher=dict(
        backbone=dict(base_channels=3, **_backbone),
        neck=dict(in_channels=[3, 6], out_channels=5, **_neck),
        bbox_head=dict(num_classes=5, in_channels=5, feat_channels=5, **_head),
        **_common,
    ),
    teacher_checkpoint='teacher.pth',
    student_taps=['neck'],
    teacher_taps=['neck'],
    feature_losses=dict(
        attention=dict(
            type='AttentionTransferLoss', normalize='spatial', loss_weight=0.5
        ),
        cwd=dict(type='CWDLoss', temperature=2.0, loss_weight=0.1),
        fgd=dict(
            type='FGDLoss',
            temperature=0.5,
            foreground_weight=2e-3,
            background_weight=1e-3,
            attention_weight=1e-3,
            relation_weight=1e-4,
        ),
        fitnet=dict(type='FitNetLoss', loss_weight=0.02),
        mgd=dict(type='MGDLoss', mask_ratio=0.5, loss_weight=1e-3),
        pkd=dict(type='PKDLoss', loss_weight=0.3),
        reviewkd=dict(type='ReviewKDLoss', pooled_level=True, loss_weight=0.05),
    ),
    review=dict(
        normalize='rms',
        loss_weight=5.0,
        predictor=dict(type='IncrementPredictor', hidden_channels=2, stem_channels=2),
    ),
)

train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type='CocoDataset',
        data_root='images/',
        ann_file='boxes.json',
        data_prefix=dict(img=''),
        metainfo=dict(classes=('class0', 'class1', 'class2')),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackDetInputs'),
        ],
    ),
)
train_cfg = dict(by_epoch=True, max_epochs=6)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-3),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = dict(
    type='MultiStepLR', by_epoch=True, begin=0, end=6, milestones=[3, 5], gamma=0.5
)
custom_hooks = [
    dict(
        type='TSKDMemoryHook',
        interval=1,
        num_slots=2,
        by_epoch=True,
        review_length=1,
        save_state=True,
    ),
    dict(type='LossWeightHook', factors=dict(pkd=[(0, 0), (6, 1)])),
]
default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', interval=1),
    logger=dict(type='LoggerHook', interval=1),
)
randomness = dict(seed=7, deterministic=True)
log_level = 'ERROR'
work_dir = 'work'
