_base_ = '../_base_/cifar100.py'

model = dict(
    backbone=dict(type='CIFARResNet', depth=32, widths=(32, 64, 128, 256)),
    head=dict(in_channels=256),
)
