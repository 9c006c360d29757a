"""Weights over time, in a real Runner with a real (tiny) RetinaNet."""

import copy
from pathlib import Path

import pytest
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from refusals import refused
from runs import resumed, saving
from runs import train as run
from toys import run_config, scalars, tiny_retinanet

from tskd_mm.engine import LossWeightHook


class Watch(Hook):
    """Writes down the factors and the losses of every iteration."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.factors: list[dict] = []
        self.losses: list[dict] = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.factors.append(dict(runner.model.loss_factors))
        self.losses.append({name: float(value) for name, value in outputs.items()})


def train(config: ConfigDict) -> Watch:
    run(config, watch := Watch())
    return watch


def weigh(config: ConfigDict, by_epoch: bool = True, **factors: list) -> ConfigDict:
    config = copy.deepcopy(config)
    hook = dict(type='LossWeightHook', factors=factors, by_epoch=by_epoch)
    config.custom_hooks = [*config.custom_hooks, hook]
    return config


@pytest.fixture
def static(tmp_path: Path, data: dict) -> ConfigDict:
    """Two losses and no review, two iterations an epoch."""
    config = run_config(tmp_path, data, epochs=3)
    config.model.update(
        review=None,
        feature_losses=dict(
            attention=dict(type='AttentionTransferLoss'), pkd=dict(type='PKDLoss')
        ),
    )
    config.custom_hooks = [dict(type='DistillationHook')]
    return config


def test_factors_follow_epochs_and_iterations(static):
    config = weigh(static, pkd=[(0, 0), (2, 1)])
    config = weigh(config, by_epoch=False, attention=[(1, 1), (3, 0)])
    watch = train(config)
    pkd, attention = [0, 0, 0.5, 0.5, 1, 1], [1, 1, 0.5, 0, 0, 0]
    assert [f['pkd'] for f in watch.factors] == pkd
    assert [f['attention'] for f in watch.factors] == attention
    for name, factors in (('pkd', pkd), ('attention', attention)):
        for losses, factor in zip(watch.losses, factors):
            assert (losses[f'loss_{name}'] > 0) == (factor > 0)


def test_curves_follow_the_share_of_the_training(static):
    config = weigh(static, pkd=dict(shape='cosine', begin=1 / 3, final=0.1))
    stop = dict(shape='stop', begin=0.5)
    watch = train(weigh(config, by_epoch=False, attention=stop))
    half = (1 + 0.1) / 2  # of a cosine from 1/3 to 1 in epoch 2 of 3
    expected = [1, 1, 1, 1, half, half]
    assert [f['pkd'] for f in watch.factors] == pytest.approx(expected)
    assert [f['attention'] for f in watch.factors] == [1, 1, 1, 0, 0, 0]


def test_the_log_has_each_loss_and_its_ratio(tmp_path, data, static):
    train(static)
    rows = [row for row in scalars(tmp_path / 'work') if 'loss' in row]
    assert len(rows) == 6
    for row in rows[:1]:  # later lines are means over a window
        task = row['loss_cls'] + row['loss_bbox']
        added = row['loss_pkd'] + row['loss_attention']
        assert row['loss'] == pytest.approx(task + added, rel=1e-5)
        for name in ('pkd', 'attention'):
            expected = row[f'loss_{name}'] / task
            assert row[f'ratio_{name}'] == pytest.approx(expected, rel=1e-5)


def test_a_review_fades_out(tmp_path, data):
    config = run_config(tmp_path, data, epochs=4)
    watch = train(weigh(config, by_epoch=False, review=[(6, 0), (7, 0.5)]))
    assert [f['review'] for f in watch.factors] == [0] * 7 + [0.5]
    reviews = [losses.get('loss_review') for losses in watch.losses]
    assert reviews[:6] == [None] * 6
    assert reviews[6] == 0 and reviews[7] > 0
    rows = [row for row in scalars(tmp_path / 'work') if 'loss' in row]
    assert ['ratio_review' in row for row in rows] == [False] * 6 + [True] * 2


def test_adapters_are_resumed_to_the_last_bit(tmp_path, static):
    teacher = tiny_retinanet(12)
    teacher.neck.out_channels = teacher.bbox_head.in_channels = 24
    static.model.update(
        teacher=teacher,
        feature_losses=dict(
            fitnet=dict(type='FitNetLoss'),
            mgd=dict(type='MGDLoss'),
            fgd=dict(type='FGDLoss'),
            reviewkd=dict(type='ReviewKDLoss'),
        ),
    )
    whole = train(saving(static))
    again = train(resumed(static, tmp_path / 'work/epoch_2.pth', tmp_path / 'again'))
    assert again.losses == whole.losses[-2:]


def test_a_name_that_no_loss_has_is_refused(static):
    text = (
        'LossWeightHook has factors for review, pdk, but the losses of the distiller '
        'are attention, pkd: use their names'
    )
    with refused(text):
        train(weigh(static, review=[(0, 1)], pdk=[(0, 1)], pkd=[(0, 1)]))


def test_points_are_checked_when_the_hook_is_built():
    with pytest.raises(ValueError, match=r'^the points of a factor must be pairs'):
        LossWeightHook(factors=dict(pkd=[(3, 1), (2, 0)]))


def test_factors_that_are_no_dict():
    text = (
        'factors must be a dict of points by loss, but got [(0, 1)]: write '
        'factors=dict(review=[(0, 0), (20, 1)])'
    )
    with refused(text, TypeError):
        LossWeightHook([(0, 1)])
