_base_ = '../_base_/cifar100.py'

model = dict(
    backbone=dict(type='CIFARShuffleNetV1'),
    head=dict(in_channels=960),
)
optim_wrapper = dict(optimizer=dict(lr=0.02))
