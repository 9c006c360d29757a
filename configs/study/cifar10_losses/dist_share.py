_base_ = 'dist.py'

balance = dict(type='LossBalanceHook', shares=dict(dist=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
