# The default for classifiers: ResNet-20 to ResNet-8 on 4000 images of CIFAR-10, with
# seeds that no other study has seen.
metric = 'accuracy/top1'
seeds = [20, 21, 22]
methods = dict(
    none=dict(config='cifar10/none.py'),
    attention=dict(config='cifar10/attention.py'),
    kd=dict(config='cifar10/no_review.py'),
    pkd=dict(config='cifar10/pkd.py'),
    pkd_review=dict(config='cifar10/pkd_review.py'),
    pkd_kd=dict(config='cifar10/pkd_kd.py'),
    pkd_share=dict(config='cifar10/pkd_share.py'),
)
comparisons = [
    ('attention', 'none'),
    ('kd', 'none'),
    ('pkd', 'none'),
    ('pkd_review', 'none'),
    ('pkd_review', 'pkd'),
    ('pkd_kd', 'kd'),
    ('pkd_share', 'pkd'),
]
