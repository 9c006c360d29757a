# Attention transfer in the place of PKD: the default of release 0.1.0.
_base_ = 'pkd.py'

attention = dict(type='AttentionTransferLoss', loss_weight=0.1)
model = dict(feature_losses=dict(_delete_=True, attention=attention))
