# ResNet-8 alone on folders of CIFAR-10 images, one a class: the recipe's schedule
# of 240 epochs divided by fifteen.
_base_ = '../../cifar/resnet8_cifar10.py'

data_root = '{{$TSKD_DATA:data}}/cifar10/'
_load = dict(type='LoadImageFromFile')
_split = dict(_delete_=True, type='CustomDataset')
_workers = dict(num_workers=0, persistent_workers=False)
data_preprocessor = dict(to_rgb=True)  # image files are read as BGR
train_dataloader = dict(
    dataset=dict(
        data_root=data_root + 'train',
        pipeline=[_load, *_base_.train_dataloader.dataset.pipeline],
        **_split,
    ),
    **_workers,
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root + 'test',
        pipeline=[_load, *_base_.val_dataloader.dataset.pipeline],
        **_split,
    ),
    **_workers,
)
test_dataloader = val_dataloader

param_scheduler = dict(milestones=[10, 12, 14])
# Validated every 4 epochs, and after each of the last 5.
train_cfg = dict(max_epochs=16, val_interval=4, dynamic_intervals=[(12, 1)])
default_hooks = dict(
    logger=dict(interval=8),
    checkpoint=dict(interval=-1, save_last=True, save_best=None),
    channels_last=dict(type='channels_last.ChannelsLastHook'),
)
