# CIFAR-10 in the normalisation and with the shortcuts of the published ResNets.
_base_ = './cifar100.py'

data_preprocessor = dict(
    num_classes=10, mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]
)
model = dict(backbone=dict(type='CIFARResNet', shortcut='A'), head=dict(num_classes=10))
train_dataloader = dict(dataset=dict(type='CIFAR10', data_root='data/cifar10'))
val_dataloader = dict(dataset=dict(type='CIFAR10', data_root='data/cifar10'))
test_dataloader = dict(dataset=dict(type='CIFAR10', data_root='data/cifar10'))
