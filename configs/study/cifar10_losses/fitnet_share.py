_base_ = 'fitnet.py'

balance = dict(type='LossBalanceHook', shares=dict(fitnet=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
