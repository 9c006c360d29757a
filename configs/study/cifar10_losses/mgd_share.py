_base_ = 'mgd.py'

balance = dict(type='LossBalanceHook', shares=dict(mgd=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
