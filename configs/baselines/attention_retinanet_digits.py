_base_ = '_base_/retinanet_digits.py'

attention = dict(type='AttentionTransferLoss', loss_weight=0.1)
model = dict(feature_losses=dict(attention=attention))
