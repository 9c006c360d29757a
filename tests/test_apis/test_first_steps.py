"""The first steps of a real Runner, as a check of a config takes them."""

import re

import pytest
from mmengine.config import ConfigDict
from mmengine.runner import Runner
from toys import run_config

from tskd_mm.apis import first_steps
from tskd_mm.apis.first_steps import loss_line, time_line, try_steps


def try_first(config: ConfigDict) -> tuple[dict[str, list[str]], Runner]:
    """Rows, and the runner that showed them."""
    runner, rows = Runner.from_cfg(config), {}
    runner._train_loop = runner.build_train_loop(runner._train_loop)

    def run() -> None:
        runner.call_hook('before_train')
        rows.update(try_steps(runner, runner.model))

    runner._train_loop.run = run
    runner.train()
    return rows, runner


@pytest.fixture
def config(tmp_path, data) -> ConfigDict:
    config = run_config(tmp_path, data, epochs=8)
    config.custom_hooks[0].preflight = False
    return config


def terms(line: str) -> dict[str, float]:
    return {k: float(v) for k, v in re.findall(r'(\w+) ([\d.e-]+)', line)}


def test_losses_time_and_memory(config):
    rows, runner = try_first(config)
    ordinary, review = rows['first step']
    losses = terms(ordinary)
    total = losses.pop('sum')
    assert list(losses) == ['loss_cls', 'loss_bbox', 'loss_pkd']
    assert total == pytest.approx(sum(losses.values()), rel=1e-2)
    assert losses['loss_cls'] == pytest.approx(1.13, abs=0.05)  # focal, prior 0.01
    assert re.fullmatch(
        r'in a review: loss_review [\d.]+ \(before there is any history\)', review
    )
    [time] = rows['time']
    assert re.fullmatch(
        r'[\d.]+ s an iteration, [\d.]+ s in a review; about 0:\d\d:\d\d to the end, '
        'without validation',
        time,
    )
    model = runner.model
    sizes = [t.numel() * t.element_size() for t in model.bank.slots[0].values()]
    [memory] = rows['memory']
    assert memory.endswith(f', 3 memories of {sum(sizes) / 1e6:.1f} MB')


def test_the_losses_are_those_of_the_training(config):
    """To the digits that are shown: the check starts as the training does."""
    rows, _ = try_first(config)
    config.experiment_name += '_trained'
    runner, first = Runner.from_cfg(config), {}

    class Enough(Exception):
        pass

    def step(data, optim_wrapper):
        losses = type(runner.model).train_step(runner.model, data, optim_wrapper)
        first.update({name: float(value) for name, value in losses.items()})
        raise Enough

    runner.model.train_step = step
    with pytest.raises(Enough):
        runner.train()
    assert rows['first step'][0] == loss_line(first)


def test_memories_that_are_there_are_used(config):
    _, runner = try_first(config)
    for slot in range(3):
        runner.model.memorize(slot)
    before = dict(runner.model.bank.slots)
    review = try_steps(runner, runner.model)['first step'][1]
    assert re.fullmatch(r'in a review: loss_review [\d.]+', review)
    assert runner.model.bank.slots == before


def test_without_reviews(config):
    config.model.review = None
    config.custom_hooks = [dict(type='DistillationHook', preflight=False)]
    rows, _ = try_first(config)
    assert len(rows['first step']) == 1
    assert re.match(r'[\d.]+ s an iteration; about 0:', rows['time'][0])
    assert 'memories' not in rows['memory'][0]


def test_the_first_step_has_the_factors_of_its_time(config):
    ramp = dict(type='LossWeightHook', factors=dict(pkd=[(0, 0), (2, 1)]))
    config.custom_hooks = [*config.custom_hooks, ramp]
    rows, _ = try_first(config)
    assert 'loss_pkd 0;' in rows['first step'][0]


@pytest.mark.parametrize('slow, steps', [(0.0, 2), (1e5, 4)])
def test_a_second_step_where_it_is_cheap(config, monkeypatch, slow, steps):
    monkeypatch.setattr(first_steps, 'SLOW', slow)
    _, runner = try_first(config)
    assert runner.optim_wrapper._inner_count == steps


def test_fewer_batches_than_steps(config):
    config.train_dataloader.num_batch_per_epoch = 1
    rows, _ = try_first(config)
    assert len(rows['first step']) == 2


def test_lines_by_value():
    values = {'loss': 3.0, 'loss_cls': 1.0, 'loss_kl': 2.0, 'ratio_kl': 2.0}
    assert loss_line(values) == ('loss_cls 1, loss_kl 2; sum 3')
    assert time_line([0.5, 0.75], 3661) == (
        '0.50 s an iteration, 0.75 s in a review; about 1:01:01 to the end, without '
        'validation'
    )
    assert time_line([0.5], 60) == (
        '0.50 s an iteration; about 0:01:00 to the end, without validation'
    )
