# Does a review of weight 25 help, as cifar10_review.py made one think? New seeds, fixed
# before the first of these trainings, and the same weight without any prediction.
_base_ = 'cifar10_review.py'

seeds = list(range(3, 13))
_weight = ['model.review.loss_weight=25']
methods = dict(
    _delete_=True,
    no_review=dict(config='cifar10/no_review.py'),
    weight_25=dict(config='cifar10/review.py', options=_weight),
    no_prediction_25=dict(config='cifar10/no_prediction.py', options=_weight),
)
comparisons = [
    ('weight_25', 'no_review'),
    ('no_prediction_25', 'no_review'),
    ('weight_25', 'no_prediction_25'),
]
