# A tiny ResNet that learns with every loss on logits and reviews by the iteration.
# Everything is named: no default of the host or of tskd_mm comes in.
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)
default_scope = 'mmpretrain'

_common = dict(
    type='ImageClassifier',
    neck=dict(type='GlobalAveragePooling'),
    data_preprocessor=dict(
        type='ClsDataPreprocessor',
        num_classes=2,
        mean=[125.0, 125.0, 125.0],
        std=[64.0, 64.0, 64.0],
        to_rgb=True,
    ),
)
_head = dict(
    type='LinearClsHead',
    num_classes=2,
    loss=dict(type='CrossEntropyLoss', loss_weight=1.0),
    topk=(1,),
)

model = dict(
    type='TSKDDistiller',
    student=dict(
        backbone=dict(type='CIFARResNet', depth=8, widths=(2, 2, 4, 8), shortcut='A'),
        head=dict(in_channels=8, **_head),
        **_common,
    ),
    teacher=dict(
        backbone=dict(type='CIFARResNet', depth=8, widths=(3, 3, 6, 9), shortcut='B'),
        head=dict(in_channels=9, **_head),
        **_common,
    ),
    teacher_checkpoint='teacher.pth',
    student_taps=['backbone.feature0', 'backbone.feature1', 'backbone.feature2'],
    teacher_taps=['backbone.preact0', 'backbone.preact1', 'backbone.preact2'],
    logit_tap='head',
    feature_losses=dict(fitnet=dict(type='FitNetLoss', loss_weight=0.1)),
    logit_losses=dict(
        kl=dict(
            type='LogitKLLoss', temperature=4.0, standardize=False, loss_weight=0.7
        ),
        dkd=dict(
            type='DKDLoss',
            target_weight=1.0,
            others_weight=2.0,
            temperature=3.0,
            loss_weight=0.4,
        ),
    ),
    review=dict(
        normalize='column',
        loss_weight=1.0,
        predictor=[
            dict(type='IncrementPredictor', hidden_channels=3, stem_channels=2),
            dict(type='IncrementPredictor', hidden_channels=3, stem_channels=2),
            dict(type='IncrementPredictor', hidden_channels=2, stem_channels=2),
        ],
    ),
)

train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='CustomDataset',
        data_root='images',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='RandomCrop', crop_size=16, padding=2),
            dict(type='RandomFlip', prob=0.5, direction='horizontal'),
            dict(type='PackInputs'),
        ],
    ),
)
train_cfg = dict(by_epoch=False, max_iters=16)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=0.01, betas=(0.9, 0.999), weight_decay=0.05),
)
param_scheduler = dict(
    type='CosineAnnealingLR', by_epoch=False, begin=0, T_max=16, eta_min=0.0
)
custom_hooks = [
    dict(
        type='TSKDMemoryHook',
        interval=2,
        num_slots=3,
        by_epoch=False,
        review_length=1,
        save_state=True,
    ),
    dict(type='LossWeightHook', factors=dict(kl=[(0, 0), (16, 1)]), by_epoch=False),
]
default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False),
    logger=dict(type='LoggerHook', interval=1),
)
randomness = dict(seed=7, deterministic=True)
log_level = 'ERROR'
work_dir = 'work'
