# ResNet-56 to ResNet-20 on 4000 images of CIFAR-10.
_base_ = 'cifar10_resnet8.py'

_distilled = dict(options=['model.student.backbone.depth=20'])
methods = dict(
    none=dict(options=['model.backbone.depth=20']),
    kd=_distilled,
    kd_tskd=_distilled,
    dkd=_distilled,
    reviewkd=_distilled,
)
