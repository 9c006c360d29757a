# TSKD without the review: its PKD alone.
_base_ = 'pkd_tskd.py'

model = dict(review=None)
custom_hooks = [dict(type='DistillationHook', preflight=False)]
