_base_ = '_base_/retinanet_r101_to_r50_coco.py'

model = dict(feature_losses=dict(fitnet=dict(type='FitNetLoss')))
