# Another family, other strides beside the shared ones, no normalisation: the teacher
# sees every batch as it wants it.
_base_ = ['none.py', '../../_base_/tskd_fpn.py']

_base_.tskd.update(teacher_checkpoint='{{$TSKD_DATA:data}}/yolox_nano.pth')
model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    strides=[8, 16, 32],
    **_base_.tskd,
)
# Four cycles M1 M2 M3 R.
custom_hooks = [dict(type='TSKDMemoryHook', interval=1, preflight=False)]
