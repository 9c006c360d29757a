"""Weights by share of the gradient, in a real Runner with a small classifier."""

import copy
from itertools import pairwise
from statistics import geometric_mean

import pytest
import torch
from digits_run import digits_config
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import Runner
from refusals import refused
from runs import Watch, check_resumed, resumed, saving, train, watched
from toys import load_whole, same_tensors

from tskd_mm.engine import LossBalanceHook
from tskd_mm.models.distillers.loss_balance import LossRecord

SHARES = dict(pkd=1.0, kd=0.5, review=0.1)


@OPTIM_WRAPPERS.register_module(force=True)
class ScaledOptimWrapper(OptimWrapper):
    """As AmpOptimWrapper, with a scaler that says what it is asked."""

    class Scaler:
        def get_scale(self) -> float:
            return 1024.0

    @property
    def loss_scaler(self) -> 'ScaledOptimWrapper.Scaler':
        return self.Scaler()


def balanced(config: ConfigDict, shares: dict = SHARES, **hook: object) -> ConfigDict:
    config = copy.deepcopy(config)
    hook = dict(type='LossBalanceHook', shares=shares, **hook)
    config.custom_hooks = [*config.custom_hooks, hook]
    return config


def steps_with(watch: Watch, name: str) -> list[int]:
    return [step for step, row in enumerate(watch.rows) if name in row]


@pytest.mark.parametrize('interval, last', [(50, 4), (3, 3)])
def test_measured_at_first_and_then_less_often(interval, last):
    hook = LossBalanceHook(dict(pkd=1.0), interval)
    due = [n for n in range(160) if hook._is_due(LossRecord(n, measured=1))]
    assert due[:66] == [*range(65), 66]
    assert {b - a for a, b in pairwise(due)} == {*range(1, last + 1)}
    steps = range(10**4, 10**4 + 200)
    late = [n for n in steps if hook._is_due(LossRecord(n, measured=1))]
    assert late == [n for n in steps if n % interval == 0]
    assert all(hook._is_due(LossRecord(n, measured=0)) for n in steps)


def test_reviews_are_measured_in_reviews(tmp_path):
    config = digits_config(tmp_path, epochs=8)  # 2 steps an epoch
    runner, watch = watched(balanced(config, interval=1))
    assert steps_with(watch, 'share_pkd') == steps_with(watch, 'cosine_kd')
    assert steps_with(watch, 'cosine_kd') == [*range(16)]
    assert steps_with(watch, 'share_review') == [6, 7, 14, 15]
    records = runner.model.balance.records
    assert {name: record.steps for name, record in records.items()} == dict(
        pkd=16, kd=16, review=4
    )
    assert runner.model.balance.due == []


@pytest.mark.slow
def test_shares_are_what_was_asked_for(tmp_path):
    config = balanced(digits_config(tmp_path, epochs=8, images=1024))
    config.optim_wrapper.optimizer.lr = 0.1
    runner, _ = watched(config)  # 256 steps
    model = runner.model
    model.phase, model.balance.due = 'review', [*SHARES]
    found: dict[str, list[float]] = {name: [] for name in SHARES}
    records = dict(model.balance.records)
    for batch, _ in zip(runner.train_dataloader, range(10)):
        before = model.balance.factors({})  # not those that this measurement corrects
        losses = model.loss(**model.data_preprocessor(batch, True))
        model.balance.records = dict(records)
        for name in found:
            raw = float(losses[f'share_{name}'] / losses[f'factor_{name}'])
            found[name].append(raw * before[name])
    for name, share in SHARES.items():
        assert geometric_mean(found[name]) == pytest.approx(share, rel=0.2), name


def test_a_loss_pulls_as_its_share_says_whatever_its_own_weight(tmp_path):
    rows = []
    for weight in (0.01, 100.0):
        config = balanced(digits_config(tmp_path), dict(pkd=0.5))
        config.model.feature_losses.pkd.loss_weight = weight
        _, watch = watched(config)
        rows.append(watch.rows)
    for light, heavy in zip(*rows, strict=True):
        assert light['loss_pkd'] == pytest.approx(heavy['loss_pkd'], rel=1e-3)


def test_accumulation_changes_no_share(tmp_path):
    config = balanced(digits_config(tmp_path))
    config.optim_wrapper.optimizer.lr = 0.0
    _, plain = watched(config)
    config.optim_wrapper.accumulative_counts = 4
    _, accumulated = watched(config)
    assert accumulated.column('share_review') == plain.column('share_review')
    assert accumulated.column('cosine_pkd') == plain.column('cosine_pkd')


def test_a_loss_without_a_share_keeps_its_weight(tmp_path):
    runner, watch = watched(balanced(digits_config(tmp_path), dict(pkd=0.5)))
    assert runner.model.balance.factors({}).keys() == {'pkd'}
    assert steps_with(watch, 'share_kd') == []


def test_with_a_schedule(tmp_path):
    config = balanced(digits_config(tmp_path), dict(pkd=0.5))
    schedule = dict(type='LossWeightHook', factors=dict(pkd=[(0, 0), (2, 1)]))
    config.custom_hooks.append(schedule)
    runner, watch = watched(config)
    assert watch.column('factor_pkd')[0] == watch.rows[0]['loss_pkd'] == 0
    last = runner.model.balance.factors({})['pkd']
    assert runner.model.balance.factors(dict(pkd=0.25))['pkd'] == last / 4
    assert watch.rows[-1]['loss_pkd'] > 0


def test_measuring_changes_no_step(tmp_path):
    plain, _ = watched(digits_config(tmp_path))
    config = balanced(digits_config(tmp_path), dict(pkd=1.0, review=1.0))
    runner = Runner.from_cfg(config)
    # Factors of 1 whatever is measured.
    runner.model.balance.factors = lambda schedule: dict(pkd=1.0, review=1.0)
    runner.train()
    assert runner.model.balance.records['review'].measured == 2
    assert same_tensors(plain.model.state_dict(), runner.model.state_dict())


def test_resumed_bit_for_bit(tmp_path):
    config = balanced(digits_config(tmp_path, epochs=8), interval=3)
    middle = check_resumed(saving(config), tmp_path, 'epoch_4.pth', 'epoch_8.pth')
    state = middle['tskd']['balance']
    steps = {name: record['steps'] for name, record in state.items()}
    assert steps == dict(pkd=8, kd=8, review=2)


def test_a_checkpoint_from_before_is_resumed(tmp_path):
    config = saving(digits_config(tmp_path))
    train(config)
    file = tmp_path / 'work' / 'epoch_1.pth'
    content = load_whole(file)
    del content['tskd']['balance']
    torch.save(content, file)
    _, watch = watched(balanced(resumed(config, file, tmp_path / 'again')))
    assert steps_with(watch, 'share_pkd') == [*range(6)]


def test_the_scaler_s_scale_is_used_and_taken_out(tmp_path):
    config = balanced(digits_config(tmp_path))
    _, plain = watched(config)
    config.optim_wrapper.type = 'ScaledOptimWrapper'
    config.work_dir += '_scaled'
    runner = Runner.from_cfg(config)
    watch = Watch()
    runner.register_hook(watch)
    scales, measure = [], runner.model.balance.measure

    def remember(*args):
        scales.append(runner.model.balance.loss_scale())
        return measure(*args)

    runner.model.balance.measure = remember
    runner.train()
    assert 1024.0 in scales
    assert watch.column('share_pkd') == pytest.approx(plain.column('share_pkd'))


def test_bfloat16(tmp_path):
    config = balanced(digits_config(tmp_path))
    _, exact = watched(config)
    config.optim_wrapper.type = 'CPUAmpOptimWrapper'
    _, watch = watched(config)
    for name in ('factor_pkd', 'factor_kd'):
        found, expected = watch.column(name)[0], exact.column(name)[0]
        assert found == pytest.approx(expected, rel=0.05)


def test_a_name_that_no_loss_has(tmp_path):
    text = (
        'LossBalanceHook has shares for pdk, but the losses of the distiller are pkd, '
        'kd, review: use their names'
    )
    with refused(text):
        watched(balanced(digits_config(tmp_path), dict(pdk=1.0, kd=1.0)))


@pytest.mark.parametrize('setting', [True, {}, dict(backend='eager')])
@pytest.mark.parametrize('alone', [False, True])
def test_compilation_is_refused(tmp_path, setting, alone):
    config = balanced(digits_config(tmp_path))
    config.model.review = {}
    (config.model.review if alone else config).compile = setting
    text = (
        'LossBalanceHook measures gradients within a training step, which '
        'torch.compile does not support: remove compile from the config, or '
        'LossBalanceHook'
    )
    with refused(text):
        watched(config)


@pytest.mark.parametrize('shares', [SHARES, dict(review=0.1)])
def test_checkpointing_is_refused_in_the_first_step(tmp_path, shares):
    config = balanced(digits_config(tmp_path), shares)
    runner = Runner.from_cfg(config)
    stage = runner.model.student.backbone.layer3
    forward = stage.forward
    stage.forward = lambda x: torch.utils.checkpoint.checkpoint(
        forward, x, use_reentrant=True
    )
    text = 'LossBalanceHook cannot measure gradients through reentrant activation…'
    with refused(text, RuntimeError):
        runner.train()
    assert runner.iter == 0


def test_a_share_that_cannot_be_measured_is_said(tmp_path):
    config = balanced(digits_config(tmp_path), dict(pkd=1.0, kd=1.0))
    runner = Runner.from_cfg(config)
    [hook] = [h for h in runner.hooks if isinstance(h, LossBalanceHook)]
    records = dict(pkd=LossRecord(99), kd=LossRecord(99, measured=1))
    runner.model.balance.records = records
    warned: list[str] = []
    runner.logger.warning = warned.append
    for _ in range(3):
        hook.after_train_iter(runner, 0, outputs=dict(loss_pkd=0.0, loss_kd=0.0))
    assert warned == [
        'LossBalanceHook could not measure the share of pkd in 100 steps, because its '
        'gradient or that of the task is 0, NaN or infinite, or its factor in '
        'LossWeightHook is 0. It trains with the factor 1e-06 until then: look at '
        'loss_pkd in the log, or take it out of shares'
    ]


@pytest.mark.parametrize('share', [0, -1.0, float('nan'), float('inf')])
def test_shares_that_make_no_sense(share):
    text = (
        f'the share of pkd must be a finite number above 0, but got {share}: to switch '
        'a loss off remove it from the model'
    )
    with refused(text):
        LossBalanceHook(dict(pkd=share))


def test_an_interval_that_makes_no_sense():
    with refused('interval must be at least 1 step, but got 0'):
        LossBalanceHook(dict(pkd=1.0), interval=0)
