_base_ = '_base_/gfl_r101_to_r50_coco.py'

model = dict(head_losses=dict(crosskd=dict(type='CrossKDLoss')))
