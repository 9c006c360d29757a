"""Hooks that contradict each other are refused before the first step."""

import pytest
from mmengine.runner import Runner
from refusals import refused
from toys import run_config

BASE = '(a config with *_base_.custom_hooks has those of its base, too)'


def assert_training_refused(config: dict, text: str) -> None:
    with refused(text):
        Runner.from_cfg(config).train()


@pytest.mark.parametrize(
    'second, name',
    [
        (
            dict(type='TSKDMemoryHook', interval=2, num_slots=1),
            'TSKDMemoryHook(interval=2, num_slots=1)',
        ),
        (dict(type='DistillationHook'), 'DistillationHook'),
    ],
)
def test_two_distillation_hooks(tmp_path, data, second, name):
    config = run_config(tmp_path, data)
    config.custom_hooks.append(second)
    text = (
        'exactly one DistillationHook, or child of it, can run in a training, but the '
        f'config has TSKDMemoryHook(interval=1, num_slots=3) and {name}: keep one in '
        f'custom_hooks {BASE}'
    )
    assert_training_refused(config, text)
    config.update(resume=True, load_from=_checkpoint(tmp_path, data))
    assert_training_refused(config, text)


def _checkpoint(folder, data) -> str:
    config = run_config(folder, data, epochs=4)
    config.train_dataloader.dataset.indices = 2
    Runner.from_cfg(config).train()
    return str(folder / 'work' / 'epoch_4.pth')


def test_two_hooks_for_one_loss(tmp_path, data):
    config = run_config(tmp_path, data)
    for by_epoch in (True, False):
        factors = dict(review=[(0, 1)], **({'pkd': [(0, 1)]} if by_epoch else {}))
        config.custom_hooks.append(
            dict(type='LossWeightHook', factors=factors, by_epoch=by_epoch)
        )
    assert_training_refused(
        config,
        'several LossWeightHooks have factors for review: write all points of a loss '
        f'in one hook {BASE}',
    )


@pytest.mark.parametrize(
    'hook, priority, first, then, reason',
    [
        (
            dict(type='TSKDMemoryHook', interval=1),
            'LOWEST',
            'TSKDMemoryHook (priority 100)',
            'CheckpointHook (priority 90)',
            'a memory belongs in the checkpoint of its epoch',
        ),
        (
            dict(type='LossWeightHook', factors=dict(review=[(0, 1)])),
            'LOW',
            'LossWeightHook (priority 70)',
            'TSKDMemoryHook (priority 50)',
            'the preflight shows what it sets',
        ),
        (
            dict(type='TSKDVisualizationHook'),
            'HIGH',
            'TSKDMemoryHook (priority 50)',
            'TSKDVisualizationHook (priority 30)',
            'the pictures show what is memorized',
        ),
    ],
)
def test_priorities(tmp_path, data, hook, priority, first, then, reason):
    config = run_config(tmp_path, data)
    if hook['type'] == 'TSKDMemoryHook':
        config.custom_hooks = []
    if hook['type'] == 'TSKDVisualizationHook':
        from toys import with_validation

        with_validation(config)
    config.custom_hooks.append(dict(**hook, priority=priority))
    assert_training_refused(
        config,
        f'{first} must run before {then}, since {reason}: leave out the priority of '
        'both, or give the first a lower number',
    )


def test_a_static_distillation_may_come_after_its_checkpoint(tmp_path, data):
    """It has no memory that would be missing."""
    config = run_config(tmp_path, data, epochs=1)
    config.model.review = None
    config.train_dataloader.dataset.indices = 2
    config.custom_hooks = [dict(type='DistillationHook', priority='LOWEST')]
    Runner.from_cfg(config).train()
