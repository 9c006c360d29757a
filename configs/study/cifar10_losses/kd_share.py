_base_ = 'kd.py'

balance = dict(type='LossBalanceHook', shares=dict(kl=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
