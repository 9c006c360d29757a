_base_ = 'reviewkd.py'

balance = dict(type='LossBalanceHook', shares=dict(reviewkd=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
