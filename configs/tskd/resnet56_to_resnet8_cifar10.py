_base_ = ['../cifar/resnet8_cifar10.py', '../_base_/tskd_cifar.py']

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='{{ fileDirname }}/../cifar/resnet56_cifar10.py',
    teacher_checkpoint='work_dirs/resnet56_cifar10/epoch_240.pth',
    **_base_.tskd,
)
