_base_ = 'attention.py'

model = dict(feature_losses=dict(_delete_=True, pkd=dict(type='PKDLoss')))
