_base_ = '_base_/resnet56_to_resnet20_cifar100.py'

model = dict(logit_losses=dict(dkd=dict(type='DKDLoss', others_weight=2.0)))
warmup = dict(type='LossWeightHook', factors=dict(dkd=[(0, 0.05), (19, 1)]))
custom_hooks = [*_base_.custom_hooks, warmup]
