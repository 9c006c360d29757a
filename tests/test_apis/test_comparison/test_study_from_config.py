"""From a config to a study: what is compared, by which metric, what is refused."""

from pathlib import Path

import pytest
from mmengine.config import Config
from refusals import refused
from study_rows import row
from toys import run_config, with_validation

from tskd_mm.apis.comparison.study import Study
from tskd_mm.apis.comparison.study_from_config import (
    config_arms,
    configured_metric,
    make_study,
    with_results,
)

WEIGHTS = "custom_hooks+=dict(type='LossWeightHook', factors=dict(kd=[(0, 1)]))"


@pytest.fixture
def config(tmp_path, data) -> Config:
    return Config(with_validation(run_config(tmp_path, data, epochs=8)))


def test_what_is_compared(config, tmp_path):
    named = {'heavy': ['model.review.loss_weight=25'], 'short': ['model.review=None']}
    arms = config_arms(config, named, epochs=5)
    study = make_study('mine', arms, tmp_path / 'configs', 2, metric='', resolve=1.0)
    assert study.comparisons == (
        ('static', 'none'),
        ('tskd', 'none'),
        ('heavy', 'none'),
        ('short', 'none'),
        ('tskd', 'static'),
        ('heavy', 'tskd'),
        ('short', 'tskd'),
    )
    assert [str(trial) for trial in study.trials()][::4] == [
        *('none seed 0', 'short seed 0', 'heavy seed 1')
    ]
    [heavy] = [t for t in study.trials([0]) if t.method == 'heavy']
    assert heavy.content.model.review.loss_weight == 25
    assert {trial.length for trial in study.trials()} == {5}
    # 'short' is 'static', and is trained once.
    assert len({trial.fingerprint for trial in study.trials([0])}) == 4


def test_without_a_review_a_new_arm_is_compared_with_the_static_one(config, tmp_path):
    config.model.review = None
    config.custom_hooks = [dict(type='DistillationHook')]
    named = {'half': ["model.feature_losses=dict(a=dict(type='PKDLoss'))"]}
    arms = config_arms(config, named)
    study = make_study('mine', arms, tmp_path, 1, metric='', resolve=0.5)
    assert study.comparisons == (
        *(('static', 'none'), ('half', 'none')),
        ('half', 'static'),
    )


def test_what_the_arms_write_stays_small_and_in_their_folders(config):
    config.resume = True
    config.default_hooks.checkpoint = dict(type='CheckpointHook', out_dir='elsewhere')
    config.visualizer = dict(type='Visualizer', vis_backends=[dict(type='Wandb')])
    for arm in config_arms(config, {}).values():
        assert arm.resume is False
        hook = dict(type='CheckpointHook', max_keep_ckpts=2)
        assert arm.default_hooks.checkpoint == hook
        assert arm.visualizer.vis_backends == [dict(type='LocalVisBackend')]


@pytest.mark.parametrize(
    'named, text',
    [
        (
            {'a': ['model.review.loss_weight=5'], 'b': ['model.review=None', 'x=1']},
            'arm b: x is not known: write instead of x one of …',
        ),
        (
            {'a': ['model.teacher_checkpoint=no.pth']},
            'arm a: there is no teacher_checkpoint no.pth: give the path of its file',
        ),
        (
            {'a': ["model.feature_losses=dict(_delete_=True, a=dict(type='PKDLos'))"]},
            "arm a: there is no loss 'PKDLos': …",
        ),
        ({'a': ['model.teacher=no.py']}, 'arm a: the teacher config no.py was …'),
        (
            {'a': ["custom_hooks+=dict(type='LossBalanceHook', shares=dict(kd=1))"]},
            'arm a: LossBalanceHook has shares for kd, but the losses of the distiller '
            'are pkd, review: use their names',
        ),
        (
            {'a': [WEIGHTS]},
            'arm a: LossWeightHook has factors for kd, but …',
        ),
    ],
)
def test_refused_before_any_training(config, named, text):
    with refused(text):
        config_arms(config, named)


@pytest.mark.parametrize(
    'best, metric',
    [
        (None, ''),
        ('auto', ''),
        ('coco/bbox_mAP_50', 'coco/bbox_mAP_50'),
        (['accuracy/top1', 'loss'], 'accuracy/top1'),
    ],
)
def test_the_metric_of_the_config(best, metric):
    hook = dict(type='CheckpointHook', save_best=best)
    assert configured_metric(Config({'default_hooks': dict(checkpoint=hook)})) == metric
    assert configured_metric(Config({})) == ''


@pytest.mark.parametrize(
    'last, metric, times',
    [
        *((0.3, 'AP', 100), (71.5, 'acc', 1), (0.3, 'loss', 1)),
        (1.0, 'accuracy/top1', 1),  # of CIFAR-100 by chance
    ],
)
def test_metric_and_unit_follow_the_results(tmp_path, last, metric, times):
    (tmp_path / 'kd.py').write_text('model = dict(a=1)\n')
    study = Study('s', Path(), '', {'kd': (tmp_path / 'kd.py', ())}, (0,), ())
    [trial] = study.trials()
    known = dict(fingerprint=trial.fingerprint, metric=metric, best=last)
    found = with_results(study, [row('kd', 0, last, **known)])
    assert (found.metric, found.times) == (metric, times)
    assert with_results(study, []).metric == ''
