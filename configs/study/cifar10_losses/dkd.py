# Weights and warm-up as in configs/baselines, its 20 epochs divided by fifteen.
_base_ = 'kd.py'

dkd = dict(type='DKDLoss', others_weight=2.0)
model = dict(logit_losses=dict(_delete_=True, dkd=dkd))
warmup = dict(type='LossWeightHook', factors=dict(dkd=[(0, 0.05), (1, 1)]))
custom_hooks = [*_base_.custom_hooks, warmup]
