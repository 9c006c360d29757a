_base_ = 'dkd.py'

balance = dict(type='LossBalanceHook', shares=dict(dkd=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
