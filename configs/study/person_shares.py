# Which share suits the best two losses of person_losses_screen.py?
metric = 'coco/bbox_mAP'
times = 100  # AP in percent
seeds = [0, 1, 2]
methods = dict(none=dict(config='person/none.py'), pkd=dict(config='person/pkd.py'))
for _loss in ('pkd', 'mgd'):
    for _share in (0.3, 1, 3):
        methods[f'{_loss}_{_share}'] = dict(
            config=f'person/{_loss}_share.py',
            # A share of 1 is that of the config, and so of the screen.
            options=[f'custom_hooks.1.shares.{_loss}={_share}'] if _share != 1 else [],
        )
comparisons = [(name, 'none') for name in methods if name != 'none']
comparisons += [(name, 'pkd') for name in methods if name.startswith('pkd_')]
