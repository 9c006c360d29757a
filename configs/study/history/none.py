# ResNet-8 alone at the length of the release, 240 epochs with its drops: 10,000 images
# of CIFAR-10 at 16x16 pixels, tested on 10,000.
_base_ = '../cifar10/none.py'

_split = '{{$TSKD_DATA:data}}/cifar10_16/'
_crop, _flip = dict(type='RandomCrop', crop_size=16, padding=2), dict(type='RandomFlip')
_crop_all = [
    dict(type='LoadImageFromFile'),
    _crop,
    dict(_flip, prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(data_root=_split + 'train', pipeline=_crop_all))
val_dataloader = dict(dataset=dict(data_root=_split + 'test'))
test_dataloader = val_dataloader

param_scheduler = dict(milestones=[150, 180, 210])
train_cfg = dict(max_epochs=240, val_interval=20, dynamic_intervals=[(236, 1)])
default_hooks = dict(logger=dict(interval=79))
