# The review with a share in place of its weight; PKD keeps its own.
_base_ = '../cifar10/pkd_review.py'

balance = dict(type='LossBalanceHook', shares=dict(review=0.1))
custom_hooks = [*_base_.custom_hooks, balance]
