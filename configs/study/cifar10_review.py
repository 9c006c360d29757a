# What in the review matters? ResNet-56 to ResNet-8 on 4000 images of CIFAR-10.
_base_ = 'cifar10_resnet8.py'

_tskd = 'cifar10/kd_tskd.py'
methods = dict(
    _delete_=True,
    kd=dict(config='cifar10/kd.py'),
    kd_tskd=dict(config=_tskd),
    weight_5=dict(config=_tskd, options=['model.review.loss_weight=5']),
    weight_25=dict(config=_tskd, options=['model.review.loss_weight=25']),
    weight_100=dict(config=_tskd, options=['model.review.loss_weight=100']),
    no_prediction=dict(config='cifar10/no_prediction.py'),
    last_increment=dict(config='cifar10/last_increment.py'),
    rms=dict(config=_tskd, options=['model.review.normalize=rms']),
    spatial=dict(config=_tskd, options=['model.review.normalize=spatial']),
    two_slots=dict(config=_tskd, options=['custom_hooks.0.num_slots=2']),
    rarer=dict(config=_tskd, options=['custom_hooks.0.interval=2']),
)
comparisons = [(method, 'kd') for method in methods if method not in ('_delete_', 'kd')]
