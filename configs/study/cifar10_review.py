# What in the review matters? ResNet-20 to ResNet-8 on 4000 images of CIFAR-10, with
# predictors of 16 channels.
_base_ = 'cifar10_resnet8.py'

_review = 'cifar10/review.py'
_predictor = 'model.review.predictor.hidden_channels'
methods = dict(
    _delete_=True,
    no_review=dict(config='cifar10/no_review.py'),
    review=dict(config=_review),
    weight_5=dict(config=_review, options=['model.review.loss_weight=5']),
    weight_25=dict(config=_review, options=['model.review.loss_weight=25']),
    weight_100=dict(config=_review, options=['model.review.loss_weight=100']),
    no_prediction=dict(config='cifar10/no_prediction.py'),
    last_increment=dict(config='cifar10/last_increment.py'),
    detached_gap=dict(config='cifar10/detached_gap.py'),
    rms=dict(config=_review, options=['model.review.normalize=rms']),
    spatial=dict(config=_review, options=['model.review.normalize=spatial']),
    two_slots=dict(config=_review, options=['custom_hooks.0.num_slots=2']),
    rarer=dict(config=_review, options=['custom_hooks.0.interval=2']),
    narrower=dict(config=_review, options=[f'{_predictor}=4']),
)
comparisons = [
    (method, 'no_review')
    for method in methods
    if method not in ('_delete_', 'no_review')
]
