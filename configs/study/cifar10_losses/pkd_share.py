_base_ = 'pkd.py'

balance = dict(type='LossBalanceHook', shares=dict(pkd=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
