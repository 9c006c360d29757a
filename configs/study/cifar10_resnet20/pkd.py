# PKD alone.
_base_ = 'pkd_review.py'

model = dict(review=None)
custom_hooks = [dict(type='DistillationHook', preflight=False)]
