_base_ = '_base_/resnet56_to_resnet20_cifar100.py'

model = dict(feature_losses=dict(pkd=dict(type='PKDLoss')))
