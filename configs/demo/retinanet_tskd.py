_base_ = 'retinanet_static.py'

custom_hooks = [_base_.tskd_hook]
