# Does time help PKD? A loss that fades, an average of the student, two teachers in turn
# and a review of one's own: ResNet-20 to ResNet-8 on 4000 images of CIFAR-10.
metric = 'accuracy/top1'
seeds = [23, 24, 25]
methods = dict(
    pkd=dict(config='cifar10/pkd.py'),
    pkd_fade=dict(config='cifar10/pkd_fade.py'),
    pkd_average=dict(config='cifar10/pkd_average.py'),
    pkd_route=dict(config='cifar10/pkd_route.py'),
    pkd_past_mean=dict(config='cifar10/pkd_past_mean.py'),
)
comparisons = [(method, 'pkd') for method in methods if method != 'pkd']
