# Features and heads, and the review of the persons' own study.
_base_ = 'pkd_bckd.py'

model = dict(review=dict(_delete_=True, **_base_.tskd.review))
custom_hooks = [dict(_base_.tskd_hook, preflight=False)]
