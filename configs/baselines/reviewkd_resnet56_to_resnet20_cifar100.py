_base_ = '_base_/resnet56_to_resnet20_cifar100.py'

reviewkd = dict(type='ReviewKDLoss', pooled_level=True, loss_weight=0.6)
teacher = ['backbone.preact1', 'backbone.preact2', 'backbone.preact3']
model = dict(teacher_taps=teacher, feature_losses=dict(reviewkd=reviewkd))
warmup = dict(type='LossWeightHook', factors=dict(reviewkd=[(0, 0.05), (19, 1)]))
custom_hooks = [*_base_.custom_hooks, warmup]
