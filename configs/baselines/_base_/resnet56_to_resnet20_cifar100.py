# ResNet56 to ResNet20 on CIFAR-100 without TSKD: a leaf names the loss.
_base_ = '../../cifar/resnet20_cifar100.py'

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='{{ fileDirname }}/../../cifar/resnet56_cifar100.py',
    teacher_checkpoint='work_dirs/resnet56_cifar100/epoch_240.pth',
    student_taps=['backbone.feature1', 'backbone.feature2', 'backbone.feature3'],
    feature_losses=dict(),
    logit_losses=dict(),
    review=None,
)
custom_hooks = [dict(type='DistillationHook')]
