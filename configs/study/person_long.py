# The persons for three times as long: does what helps a short training last?
metric = 'coco/bbox_mAP'
times = 100  # AP in percent
seeds = [10, 11, 12]
_longer = [
    'train_cfg.max_epochs=48',
    'train_cfg.val_interval=12',
    'param_scheduler.1.T_max=48',
]
methods = dict(
    none=dict(config='person/none.py', options=_longer),
    pkd=dict(config='person/pkd.py', options=_longer),
    pkd_tskd=dict(config='person/pkd_tskd.py', options=_longer),
)
comparisons = [('pkd', 'none'), ('pkd_tskd', 'none'), ('pkd_tskd', 'pkd')]
