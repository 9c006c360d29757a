# The static loss, PKD, alone: no memories, no reviews.
_base_ = 'retinanet_tskd.py'

model = dict(review=None)
custom_hooks = [dict(type='DistillationHook')]
