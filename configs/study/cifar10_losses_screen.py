# Which loss of a classifier is worth more seeds? ResNet-20 to ResNet-8 on 4000 images
# of CIFAR-10: each with its published or default weight, and with a share of 1.
metric = 'accuracy/top1'
seeds = [0]
_losses = [
    'kd',
    'kd_standardized',
    'dkd',
    'dist',
    'attention',
    'fitnet',
    'reviewkd',
    'cwd',
    'pkd',
    'mgd',
]
_methods = ['none', *_losses, *[f'{name}_share' for name in _losses]]
methods = {name: dict(config=f'cifar10_losses/{name}.py') for name in _methods}
comparisons = [(name, 'none') for name in _methods[1:]]
