"""What the hooks require of a runner is checked before training."""

from types import SimpleNamespace

import pytest
from mmengine.model import MMFullyShardedDataParallel
from refusals import refused
from runs import train
from toys import run_config, tiny_retinanet

from tskd_mm.engine import DistillationHook

HOOKS = {
    'TSKDMemoryHook': (dict(interval=1), 'interval'),
    'LossWeightHook': (dict(factors=dict(pkd=[(0, 1)])), 'the points'),
}


@pytest.fixture(params=HOOKS)
def hooked(request, tmp_path, data):
    """A run with the hook, its name and what it counts epochs for."""
    arguments, counted = HOOKS[request.param]
    config = run_config(tmp_path, data)
    config.custom_hooks = [dict(type=request.param, **arguments)]
    return config, request.param, counted


def test_a_model_that_is_no_distiller_is_refused(hooked):
    config, hook, _ = hooked
    config.model = tiny_retinanet()
    text = (
        f'{hook} needs a model of type TSKDDistiller, but got RetinaNet: wrap the '
        'model, or remove the hook'
    )
    with refused(text):
        train(config)


def test_epochs_of_an_iteration_loop_are_refused(hooked):
    config, hook, counted = hooked
    config.train_cfg = dict(by_epoch=False, max_iters=8)
    config.train_dataloader.sampler.type = 'InfiniteSampler'
    text = (
        f'{hook} counts epochs (by_epoch=True), but the train loop is '
        'IterBasedTrainLoop, which has none: set by_epoch=False and '
        f'{counted} in iterations'
    )
    with refused(text):
        train(config)


def test_a_sharded_model_is_refused():
    sharded = MMFullyShardedDataParallel.__new__(MMFullyShardedDataParallel)
    text = (
        'FSDP splits every weight over the processes, but a distiller copies and '
        'compares whole ones: use MMDistributedDataParallel (remove model_wrapper_cfg '
        'or strategy from the config)'
    )
    with refused(text):
        DistillationHook().distiller(SimpleNamespace(model=sharded))


@pytest.mark.parametrize('hook', ['TSKDMemoryHook', 'DistillationHook'])
def test_a_distiller_requires_the_hook_of_its_kind(tmp_path, data, hook):
    config = run_config(tmp_path, data)
    if hook == 'DistillationHook':
        config.model.review = None
    config.custom_hooks = []
    text = (
        f'TSKDDistiller trains with the hook {hook}, but none is there: add '
        f"custom_hooks = [dict(type='{hook}')] to the config"
    )
    with refused(text, RuntimeError):
        train(config)


OTHER_KIND = {
    'TSKDMemoryHook': 'TSKDMemoryHook runs reviews, but the TSKDDistiller has '
    'review=None: use the hook DistillationHook, or remove review=None from the model',
    'DistillationHook': 'DistillationHook runs no reviews, but the TSKDDistiller has '
    'one: use the hook TSKDMemoryHook, or set review=None in the model',
}


@pytest.mark.parametrize('hook', OTHER_KIND)
def test_a_hook_of_the_other_kind_is_refused(tmp_path, data, hook):
    config = run_config(tmp_path, data)
    if hook == 'TSKDMemoryHook':
        config.model.review = None
    config.custom_hooks = [dict(type=hook)]
    with refused(OTHER_KIND[hook]):
        train(config)
