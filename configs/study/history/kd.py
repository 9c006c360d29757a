# Without the review: softened logits alone.
_base_ = 'kd_tskd.py'

model = dict(review=None)
custom_hooks = [dict(type='DistillationHook', preflight=False)]
