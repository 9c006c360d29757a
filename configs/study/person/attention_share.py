_base_ = 'attention.py'

balance = dict(type='LossBalanceHook', shares=dict(attention=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
