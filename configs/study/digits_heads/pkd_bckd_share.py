# Features and heads, each with a share of 1 in place of its weight; BCKD has two parts.
_base_ = 'pkd_bckd.py'

shares = dict(pkd=1.0, bckd_cls=0.5, bckd_box=0.5)
custom_hooks = [*_base_.custom_hooks, dict(type='LossBalanceHook', shares=shares)]
