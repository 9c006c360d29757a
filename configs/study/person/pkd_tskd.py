# PKD in the place of attention transfer.
_base_ = 'tskd.py'

model = dict(feature_losses=dict(_delete_=True, pkd=dict(type='PKDLoss')))
