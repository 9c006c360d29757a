_base_ = ['mmdet::rtmdet/rtmdet_s_8xb32-300e_coco.py', '../_base_/tskd_fpn.py']

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::rtmdet/rtmdet_m_8xb32-300e_coco.py',
    **_base_.tskd,
)
# Of the schedule's learning rate; the base says 16, which is that of another schedule.
auto_scale_lr = dict(base_batch_size=256)
# The release's proportion: 15 reviews in 300 epochs.
custom_hooks = [*_base_.custom_hooks, dict(_base_.tskd_hook, interval=5)]
