# Taps, weight and warm-up as in configs/baselines, its 20 epochs divided by fifteen.
_base_ = 'kd.py'

reviewkd = dict(type='ReviewKDLoss', pooled_level=True, loss_weight=0.6)
model = dict(
    student_taps=['backbone.feature1', 'backbone.feature2', 'backbone.feature3'],
    teacher_taps=['backbone.preact1', 'backbone.preact2', 'backbone.preact3'],
    feature_losses=dict(_delete_=True, reviewkd=reviewkd),
    logit_losses=None,
)
warmup = dict(type='LossWeightHook', factors=dict(reviewkd=[(0, 0.05), (1, 1)]))
custom_hooks = [*_base_.custom_hooks, warmup]
