# PKD and the release's softened logits.
_base_ = 'pkd.py'

model = dict(logit_losses=dict(_delete_=True, kd=dict(type='LogitKLLoss')))
