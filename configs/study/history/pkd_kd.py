# Without the review: PKD and softened logits.
_base_ = 'pkd_kd_tskd.py'

model = dict(review=None)
custom_hooks = [dict(type='DistillationHook', preflight=False)]
