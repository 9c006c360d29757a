# Weight and warm-up as in configs/baselines, its 20 epochs divided by fifteen.
_base_ = 'pkd.py'

reviewkd = dict(type='ReviewKDLoss', pooled_level=True, loss_weight=0.6)
model = dict(feature_losses=dict(_delete_=True, reviewkd=reviewkd))
warmup = dict(type='LossWeightHook', factors=dict(reviewkd=[(0, 0.05), (1, 1)]))
custom_hooks = [*_base_.custom_hooks, warmup]
