_base_ = '../_base_/cifar100.py'

model = dict(
    backbone=dict(type='CIFARBottleneckResNet', depth=50),
    head=dict(in_channels=2048),
)
