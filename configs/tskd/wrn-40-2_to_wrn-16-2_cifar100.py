_base_ = ['../cifar/wrn-16-2_cifar100.py', '../_base_/tskd_cifar.py']

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='{{ fileDirname }}/../cifar/wrn-40-2_cifar100.py',
    teacher_checkpoint='work_dirs/wrn-40-2_cifar100/epoch_240.pth',
    **_base_.tskd,
)
