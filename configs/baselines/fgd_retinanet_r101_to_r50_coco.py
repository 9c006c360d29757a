_base_ = '_base_/retinanet_r101_to_r50_coco.py'

model = dict(feature_losses=dict(fgd=dict(type='FGDLoss')))
optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))
