# The authors' temperature for CIFAR.
_base_ = 'kd.py'

dist = dict(type='DISTLoss', temperature=4.0)
model = dict(logit_losses=dict(_delete_=True, dist=dist))
