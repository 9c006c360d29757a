_base_ = 'fgd.py'

balance = dict(type='LossBalanceHook', shares=dict(fgd=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
