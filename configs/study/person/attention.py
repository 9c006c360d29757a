# TSKD without the review: its attention transfer alone.
_base_ = 'tskd.py'

model = dict(review=None)
custom_hooks = [dict(type='DistillationHook', preflight=False)]
