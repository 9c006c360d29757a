"""Trainings with mmengine's ``compile``, next to the same without."""

import copy

import graph_log
import pytest
import torch
from digits_run import Watch, digits_config
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.runner import Runner
from refusals import refused
from toys import run_config

CYCLE = 4  # iterations: M1, M2, M3 and R


class GraphsOfSteps(Hook):
    """How many graphs there are after each step."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        self.counts.append(len(graph_log.graphs))


@pytest.fixture(params=['classifier', 'detector'])
def config(request, tmp_path, data) -> ConfigDict:
    if request.param == 'classifier':
        config = digits_config(tmp_path)
    else:
        config = run_config(tmp_path, data)
        resize = dict(type='Resize', scale=(96, 96), keep_ratio=False)
        config.train_dataloader.dataset.pipeline.insert(2, resize)
    config.train_cfg = dict(by_epoch=False, max_iters=2 * CYCLE)
    config.train_dataloader.sampler.type = 'InfiniteSampler'
    config.custom_hooks = [dict(type='TSKDMemoryHook', interval=1, by_epoch=False)]
    config.default_hooks.checkpoint = dict(type='CheckpointHook', by_epoch=False)
    return config


def train(config: ConfigDict, *hooks: Hook, **changes: object) -> tuple[Runner, Watch]:
    config = copy.deepcopy(config)
    config.custom_hooks[0].preflight = False
    config.update(changes)
    runner, watch = Runner.from_cfg(config), Watch()
    for hook in (watch, *hooks):
        runner.register_hook(hook)
    runner.train()
    return runner, watch


def test_a_compiled_training_equals_an_eager_one(config):
    _, eager = train(config)
    torch._dynamo.reset()
    graph_log.graphs.clear()
    steps = GraphsOfSteps()
    runner, compiled = train(config, steps, compile=dict(backend='logged'))
    for row, expected in zip(compiled.rows, eager.rows, strict=True):
        assert row == pytest.approx(expected, rel=1e-5)
    assert 'loss_review' in eager.rows[-1]
    # Nothing is compiled again after a whole cycle.
    assert steps.counts[CYCLE - 2] < steps.counts[CYCLE - 1] == steps.counts[-1]
    student = runner.model.student
    parts = [p for name, p in student.named_children() if name != 'data_preprocessor']
    for part in [*parts, runner.model.review.predictors]:
        trained = {id(p) for p in part.parameters() if p.requires_grad}
        assert trained <= graph_log.weights
    modules = [*runner.model.modules(), *runner.model.teacher.model.modules()]
    assert not any('forward' in vars(module) for module in modules)
    assert 'train_step' not in vars(runner.model)


def test_what_cannot_be_compiled_is_refused_before_the_first_step(tmp_path):
    config = digits_config(tmp_path)
    config.compile = dict(backend='broken')
    runner = Runner.from_cfg(config)
    text = (
        'the config has compile, but torch.compile does not work here (no compiler was '
        'found): its default backend needs a C++ compiler for a CPU and Triton for a '
        'GPU; install it, or remove compile from the config'
    )
    with refused(text, RuntimeError):
        runner.train()
    assert runner.iter == 0
