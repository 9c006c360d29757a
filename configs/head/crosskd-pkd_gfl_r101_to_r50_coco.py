_base_ = '_base_/gfl_r101_to_r50_coco.py'

model = dict(
    feature_losses=dict(pkd=dict(type='PKDLoss')),
    head_losses=dict(crosskd=dict(type='CrossKDLoss')),
)
