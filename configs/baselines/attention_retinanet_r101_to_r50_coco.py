_base_ = '_base_/retinanet_r101_to_r50_coco.py'

attention = dict(type='AttentionTransferLoss', loss_weight=0.1)
model = dict(feature_losses=dict(attention=attention))
