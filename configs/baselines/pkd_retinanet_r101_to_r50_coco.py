_base_ = '_base_/retinanet_r101_to_r50_coco.py'

# P3 to P6, as in mmrazor's recipe.
model = dict(strides=[8, 16, 32, 64], feature_losses=dict(pkd=dict(type='PKDLoss')))
