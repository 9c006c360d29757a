# Heads alone.
_base_ = 'pkd_bckd.py'

model = dict(feature_losses=dict(_delete_=True))
