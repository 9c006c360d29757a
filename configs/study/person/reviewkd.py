_base_ = 'pkd.py'

model = dict(feature_losses=dict(_delete_=True, reviewkd=dict(type='ReviewKDLoss')))
