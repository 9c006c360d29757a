_base_ = 'review.py'

model = dict(review=None)
custom_hooks = [dict(type='DistillationHook', preflight=False)]
