# PKD fades out in the second half.
_base_ = 'pkd.py'

fade = dict(shape='cosine', begin=0.5)
schedule = dict(type='LossWeightHook', factors=dict(pkd=fade))
custom_hooks = [*_base_.custom_hooks, schedule]
