# A moving average of the student, over some three epochs, is validated in its place.
_base_ = 'pkd.py'

average = dict(type='EMAHook', momentum=0.01, update_buffers=True)
custom_hooks = [*_base_.custom_hooks, average]
