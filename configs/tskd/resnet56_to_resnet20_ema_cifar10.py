# Validation and checkpoints have a moving average of the student: some three epochs.
_base_ = './resnet56_to_resnet20_cifar10.py'

custom_hooks = [
    *_base_.custom_hooks,
    dict(type='EMAHook', momentum=0.001, update_buffers=True),
]
