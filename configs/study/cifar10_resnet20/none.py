# ResNet-20 alone.
_base_ = '../cifar10/none.py'

model = dict(backbone=dict(depth=20))
