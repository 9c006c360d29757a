# The recipe of TSKD. With a node every epoch a quarter of the epochs are reviews, not a
# twentieth as in 240 epochs: in so few the predictors would hardly train otherwise.
_base_ = ['none.py', '../../_base_/tskd_cifar.py']

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='{{ fileDirname }}/teacher.py',
    teacher_checkpoint='{{$TSKD_DATA:data}}/resnet56_cifar10.pth',
    **_base_.tskd,
)
custom_hooks = [dict(type='TSKDMemoryHook', interval=1, preflight=False)]
