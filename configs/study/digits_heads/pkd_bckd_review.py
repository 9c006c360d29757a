# The best of the screen, with a review.
_base_ = 'pkd_bckd.py'

model = dict(review=dict(_delete_=True, normalize='rms', loss_weight=1.0))
custom_hooks = [dict(type='TSKDMemoryHook', interval=1, preflight=False)]
