_base_ = '_base_/retinanet_digits.py'

model = dict(feature_losses=dict(mgd=dict(type='MGDLoss')))
