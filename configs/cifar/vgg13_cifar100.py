_base_ = '../_base_/cifar100.py'

model = dict(
    backbone=dict(type='CIFARVGG', depth=13),
    head=dict(in_channels=512),
)
