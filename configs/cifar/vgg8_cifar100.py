_base_ = '../_base_/cifar100.py'

model = dict(
    backbone=dict(type='CIFARVGG', depth=8),
    head=dict(in_channels=512),
)
