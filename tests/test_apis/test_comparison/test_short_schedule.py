"""A schedule in proportion, value by value."""

import pytest
from mmengine.config import Config
from mmengine.registry import HOOKS
from refusals import refused

from tskd_mm.apis.comparison.short_schedule import EpochScale, set_epochs
from tskd_mm.engine import TSKDMemoryHook

ADVICE = 'write the schedule into the config, and leave out --epochs'


def shortened(epochs: int, max_epochs: int, **content: object) -> Config:
    config = Config({'train_cfg': {'max_epochs': max_epochs}, **content})
    set_epochs(config, epochs)
    return config


def test_points_keep_their_order_and_none_but_the_first_is_at_zero():
    scale = EpochScale(300, 10)
    epochs = {-1: -1, 0: 0, 1: 1, 30: 1, 60: 2, 285: 9, 300: 10}
    assert {old: scale.epochs(old) for old in epochs} == epochs


def test_the_loop():
    config = Config(
        {
            'train_cfg': dict(
                max_epochs=300,
                val_interval=10,
                val_begin=150,
                dynamic_intervals=[(280, 1)],
            )
        }
    )
    set_epochs(config, 60)
    assert config.train_cfg == dict(
        max_epochs=60, val_interval=2, val_begin=30, dynamic_intervals=[(56, 1)]
    )


def test_the_steps_of_a_detector():
    """mmdet's 1x: a warm-up in iterations, steps after epochs 8 and 11 of 12."""
    warmup = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=500)
    steps = dict(type='MultiStepLR', begin=0, end=12, milestones=[8, 11], gamma=0.1)
    config = shortened(4, 12, param_scheduler=[warmup, steps])
    assert config.param_scheduler[0] == warmup
    assert config.param_scheduler[1] == {**steps, 'end': 4, 'milestones': [2, 3]}


def test_the_parts_of_yolox_follow_each_other():
    scheduler = [
        dict(type='mmdet.QuadraticWarmupLR', begin=0, end=5, by_epoch=True),
        dict(type='CosineAnnealingLR', begin=5, T_max=285, end=285, by_epoch=True),
        dict(type='ConstantLR', factor=1, begin=285, end=300, by_epoch=True),
    ]
    hooks = [
        dict(type='YOLOXModeSwitchHook', num_last_epochs=15, priority=48),
        dict(type='YOLOXModeSwitchHook'),
    ]
    config = shortened(20, 300, param_scheduler=scheduler, custom_hooks=hooks)
    found = config.param_scheduler
    assert [(s.begin, s.end) for s in found] == [(0, 1), (1, 19), (19, 20)]
    assert found[1].T_max == 18
    assert [hook.num_last_epochs for hook in config.custom_hooks] == [1, 1]


def test_hooks_that_act_at_an_epoch():
    hooks = [
        dict(type='mmdet.PipelineSwitchHook', switch_epoch=280, switch_pipeline=[]),
        dict(type='EMAHook', begin_epoch=30),
        dict(type='SwitchRecipeHook', schedule=[dict(action_epoch=150)]),
        dict(type='TSKDMemoryHook', interval=5),
        dict(type='TeacherRouteHook', checkpoints=[(0, 'a.pth'), (100, 'b.pth')]),
        dict(
            type='LossWeightHook',
            factors=dict(
                kl=[(0, 0), (150, 1)], pkd=dict(shape='cosine', begin=0.5, final=0.1)
            ),
        ),
        dict(type='LossWeightHook', factors=dict(kl=[(0, 0), (9, 1)]), by_epoch=False),
    ]
    saving = dict(checkpoint=dict(type='CheckpointHook', interval=50))
    config = shortened(30, 300, custom_hooks=hooks, default_hooks=saving)
    switch, ema, recipe, memory, route, weight, iterations = config.custom_hooks
    assert switch.switch_epoch == 28
    assert ema.begin_epoch == 3
    assert recipe.schedule[0].action_epoch == 15
    assert memory == dict(type='TSKDMemoryHook', interval=1)
    assert route.checkpoints == [(0, 'a.pth'), (10, 'b.pth')]
    assert weight.factors.kl == [(0, 0), (15, 1)]
    assert weight.factors.pkd == dict(shape='cosine', begin=0.5, final=0.1)
    assert iterations == hooks[-1]
    assert config.default_hooks.checkpoint.interval == 5


@HOOKS.register_module()
class ShortenedMemoryHook(TSKDMemoryHook):
    """As a user registers it."""


def test_a_child_of_a_hook():
    hook = dict(type='ShortenedMemoryHook', interval=10)
    config = shortened(20, 100, custom_hooks=[hook])
    assert config.custom_hooks == [{**hook, 'interval': 2}]


@pytest.mark.parametrize(
    'hook, expected',
    [
        (dict(interval=10), dict(interval=2)),
        (dict(interval=10, review_length=5), dict(interval=2, review_length=1)),
        (dict(), dict(interval=1)),  # of its default, 5
        (dict(interval=3, num_slots=2), dict(interval=1, num_slots=2)),
        (
            dict(interval=1000, review_length=100, by_epoch=False),
            dict(interval=200, review_length=20, by_epoch=False),
        ),
    ],
)
def test_the_nodes_of_the_reviews(hook, expected):
    kind = dict(type='TSKDMemoryHook')
    config = shortened(20, 100, custom_hooks=[{**kind, **hook}])
    assert config.custom_hooks == [{**kind, **expected}]


def test_a_training_in_iterations():
    config = Config({'train_cfg': dict(by_epoch=False, max_iters=90)})
    text = (
        '--epochs needs a training in epochs, but train_cfg has '
        "{'by_epoch': False, 'max_iters': 90}: write the schedule into the config, and "
        'leave out --epochs'
    )
    with refused(text):
        set_epochs(config, 3)


@pytest.mark.parametrize(
    'scheduler, text',
    [
        (
            dict(type='CosineAnnealingLR', T_max=9000, by_epoch=False),
            'CosineAnnealingLR counts iterations (by_epoch=False)',
        ),
        (
            dict(type='ExponentialLR', gamma=0.9),
            'ExponentialLR cannot be scaled to other epochs',
        ),
        (
            dict(type='PolyLR', begin=50, end=55),
            'PolyLR from epoch 50 on would have no epoch of 3',
        ),
    ],
)
def test_a_learning_rate_that_has_no_place(scheduler, text):
    with refused(f'{text}: {ADVICE}'):
        shortened(3, 60, param_scheduler=scheduler)


def test_two_points_in_one_epoch():
    hook = dict(type='LossWeightHook', factors=dict(kl=[(10, 0), (20, 1)]))
    text = 'two points of LossWeightHook would come to the same of 3 epochs'
    with refused(f'{text}: {ADVICE}'):
        shortened(3, 60, custom_hooks=[hook])
