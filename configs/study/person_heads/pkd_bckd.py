# Features and heads.
_base_ = 'pkd.py'

model = dict(head_losses=dict(bckd=dict(type='BCKDLoss')))
