# ResNet-56 to ResNet-8 on 4000 images of CIFAR-10.
metric = 'accuracy/top1'
seeds = [0, 1, 2]
methods = dict(
    none=dict(config='cifar10/none.py'),
    kd=dict(config='cifar10/kd.py'),
    kd_tskd=dict(config='cifar10/kd_tskd.py'),
    dkd=dict(config='cifar10/dkd.py'),
    reviewkd=dict(config='cifar10/reviewkd.py'),
)
# The review is all that KD + TSKD has more than KD.
comparisons = [
    ('kd_tskd', 'kd'),
    ('kd', 'none'),
    ('kd_tskd', 'none'),
    ('dkd', 'none'),
    ('reviewkd', 'none'),
]
