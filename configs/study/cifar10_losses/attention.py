# Attention transfer with the weight and norm of configs/baselines.
_base_ = 'pkd.py'

attention = dict(type='AttentionTransferLoss', normalize='spatial', loss_weight=1000.0)
model = dict(feature_losses=dict(_delete_=True, attention=attention))
