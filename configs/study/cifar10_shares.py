# Which share suits the best two losses of cifar10_losses_screen.py?
metric = 'accuracy/top1'
seeds = [0, 1, 2]
methods = dict(
    none=dict(config='cifar10_losses/none.py'),
    pkd=dict(config='cifar10_losses/pkd.py'),
)
for _loss in ('pkd', 'fitnet'):
    for _share in (0.3, 1, 3):
        methods[f'{_loss}_{_share}'] = dict(
            config=f'cifar10_losses/{_loss}_share.py',
            # A share of 1 is that of the config, and so of the screen.
            options=[f'custom_hooks.1.shares.{_loss}={_share}'] if _share != 1 else [],
        )
comparisons = [(name, 'none') for name in methods if name != 'none']
comparisons += [(name, 'pkd') for name in methods if name.startswith('pkd_')]
