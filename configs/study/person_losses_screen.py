# Which loss of a detector is worth more seeds? On the persons, each with its published
# or default weight, and with a share of 1.
metric = 'coco/bbox_mAP'
times = 100  # AP in percent
seeds = [0]
_losses = ['attention', 'fitnet', 'reviewkd', 'cwd', 'pkd', 'mgd', 'fgd']
_methods = ['none', *_losses, *[f'{name}_share' for name in _losses]]
methods = {name: dict(config=f'person/{name}.py') for name in _methods}
comparisons = [(name, 'none') for name in _methods[1:]]
