# TSKD as released: a node every five epochs, softened logits, a review of weight 1.
_base_ = ['none.py', '../../_base_/tskd_cifar.py']

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='{{ fileDirname }}/teacher.py',
    teacher_checkpoint='{{$TSKD_DATA:data}}/resnet20_cifar10_16.pth',
    **_base_.tskd,
)
custom_hooks = [dict(type='TSKDMemoryHook', interval=5, preflight=False)]
