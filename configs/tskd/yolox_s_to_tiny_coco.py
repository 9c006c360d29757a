_base_ = ['mmdet::yolox/yolox_tiny_8xb8-300e_coco.py', '../_base_/tskd_fpn.py']

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::yolox/yolox_s_8xb8-300e_coco.py',
    **_base_.tskd,
)
# The release's proportion: 15 reviews in 300 epochs.
custom_hooks = [*_base_.custom_hooks, dict(_base_.tskd_hook, interval=5)]
