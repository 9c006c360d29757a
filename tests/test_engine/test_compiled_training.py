"""Trainings with mmengine's ``compile``, next to the same without."""

import copy

import graph_log
import pytest
import torch
from digits_run import digits_config
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.runner import Runner
from refusals import refused
from runs import Watch, watched
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
    return iterations(config)


def iterations(config: ConfigDict) -> ConfigDict:
    """Phases of one iteration each."""
    config.train_dataloader.sampler.type = 'InfiniteSampler'
    config.custom_hooks = [dict(type='TSKDMemoryHook', interval=1, by_epoch=False)]
    checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=CYCLE)
    config.default_hooks.checkpoint = checkpoint
    return cycles(config)


def cycles(config: ConfigDict, count: int = 2) -> ConfigDict:
    """A training of so many."""
    config.train_cfg = dict(by_epoch=False, max_iters=count * CYCLE)
    return config


def train(config: ConfigDict, *hooks: Hook, **changes: object) -> tuple[Runner, Watch]:
    config = copy.deepcopy(config)
    config.custom_hooks[0].preflight = False
    config.update(changes)
    return watched(config, *hooks)


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


def test_a_review_is_compiled_alone_and_resumed(tmp_path):
    config = cycles(iterations(digits_config(tmp_path)), 3)
    config.custom_hooks.append(dict(type='EMAHook'))
    _, eager = train(config)
    config.model.review = dict(compile=dict(backend='logged'))
    torch._dynamo.reset()
    graph_log.graphs.clear()
    graph_log.weights.clear()
    steps = GraphsOfSteps()
    runner, first = train(cycles(config, 2), steps)
    # Besides that of the check three, made in the first review, of its weights alone.
    assert steps.counts == [1] * (CYCLE - 1) + [4] * (CYCLE + 1)
    assert graph_log.weights == {id(p) for p in runner.model.review.parameters()}
    assert [*runner.model.state_dict()] == [*runner.model.student.state_dict()]
    assert not {'maps', 'grow', 'refine'} & vars(runner.model.review).keys()
    _, rest = train(cycles(config, 3), resume=True)
    for row, expected in zip(first.rows + rest.rows, eager.rows, strict=True):
        assert row == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('alone', [False, True])
def test_what_cannot_be_compiled_is_refused_before_the_first_step(tmp_path, alone):
    torch._dynamo.reset()
    config = digits_config(tmp_path)
    config.model.review = {}
    (config.model.review if alone else config).compile = dict(backend='broken')
    runner = Runner.from_cfg(config)
    text = (
        'the config has compile, but torch.compile does not work here (no compiler was '
        'found): its default backend needs a C++ compiler for a CPU and Triton for a '
        'GPU; install it, or remove compile from the config'
    )
    with refused(text, RuntimeError):
        runner.train()
    assert runner.iter == 0
