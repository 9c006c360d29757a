# The demo's student with the defaults.
_base_ = '../../demo/retinanet_tskd.py'

custom_hooks = [dict(_base_.tskd_hook, preflight=False)]
