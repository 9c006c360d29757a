_base_ = 'cwd.py'

balance = dict(type='LossBalanceHook', shares=dict(cwd=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
