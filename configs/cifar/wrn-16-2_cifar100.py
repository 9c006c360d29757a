_base_ = '../_base_/cifar100.py'

model = dict(
    backbone=dict(type='CIFARWideResNet', depth=16, widen_factor=2),
    head=dict(in_channels=128),
)
