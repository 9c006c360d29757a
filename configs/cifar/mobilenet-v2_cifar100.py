_base_ = '../_base_/cifar100.py'

model = dict(
    backbone=dict(type='CIFARMobileNetV2'),
    head=dict(in_channels=1280),
)
optim_wrapper = dict(optimizer=dict(lr=0.02))
