# The default for classifiers, with another student: ResNet-56 to ResNet-20.
_base_ = 'cifar10_default.py'

methods = dict(
    _delete_=True,
    none=dict(config='cifar10_resnet20/none.py'),
    attention=dict(config='cifar10_resnet20/attention.py'),
    pkd=dict(config='cifar10_resnet20/pkd.py'),
    pkd_review=dict(config='cifar10_resnet20/pkd_review.py'),
)
comparisons = [
    ('attention', 'none'),
    ('pkd', 'none'),
    ('pkd_review', 'none'),
    ('pkd_review', 'pkd'),
]
