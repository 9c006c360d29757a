# PKD pulls the features as strongly as the task does.
_base_ = 'pkd.py'

balance = dict(type='LossBalanceHook', shares=dict(pkd=1.0))
custom_hooks = [*_base_.custom_hooks, balance]
