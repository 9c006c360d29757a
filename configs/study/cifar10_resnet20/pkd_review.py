# PKD and a review for a ResNet-20, taught by a ResNet-56.
_base_ = '../cifar10/pkd_review.py'

model = dict(
    student=dict(backbone=dict(depth=20)),
    teacher='{{ fileDirname }}/../cifar10/teacher.py',
    teacher_checkpoint='{{$TSKD_DATA:data}}/resnet56_cifar10.pth',
)
