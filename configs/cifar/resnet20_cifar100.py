_base_ = '../_base_/cifar100.py'

model = dict(
    backbone=dict(type='CIFARResNet', depth=20),
)
