_base_ = ['../cifar/mobilenet-v2_cifar100.py', '../_base_/tskd_cifar.py']

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='{{ fileDirname }}/../cifar/vgg13_cifar100.py',
    teacher_checkpoint='work_dirs/vgg13_cifar100/epoch_240.pth',
    **_base_.tskd,
)
