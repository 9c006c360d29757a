# Which share suits the best two losses of cifar10_losses_screen.py, and what does
# a review add to the best of them?
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
# The best of them with a review, of its published weight and with a share of 0.1.
methods['pkd_review'] = dict(config='cifar10/pkd_review.py')
methods['pkd_review_0.1'] = dict(config='cifar10_losses/pkd_review_share.py')
comparisons = [(name, 'none') for name in methods if name != 'none']
comparisons += [(name, 'pkd') for name in methods if name.startswith('pkd_')]
