"""The arms differ in the distillation, and in nothing else."""

import pytest
from mmengine.config import Config
from refusals import refused
from toys import run_config, tiny_retinanet, with_validation

from tskd_mm.apis.comparison.arms import (
    check_reviews,
    make_arms,
    student_alone,
    without_review,
)


@pytest.fixture
def config(tmp_path, data) -> Config:
    """A detector's, with hooks of the host and of the package."""
    content = Config(with_validation(run_config(tmp_path, data, epochs=8)))
    content.custom_hooks = [
        dict(type='NumClassCheckHook'),
        dict(type='TSKDMemoryHook', interval=2, preflight=False, priority=40),
        dict(type='TSKDVisualizationHook'),
        dict(type='LossBalanceHook', shares=dict(attention=1.0, review=0.1)),
        dict(type='LossWeightHook', factors=dict(review=[(0, 1)])),
    ]
    return content


def test_three_arms_of_one_config(config):
    before = config.to_dict()
    none, static, tskd = make_arms(config).values()
    assert config.to_dict() == tskd.to_dict() == before
    assert none.model == {**tskd.model.student, 'data_preprocessor': none_of(tskd)}
    assert [hook.type for hook in none.custom_hooks] == ['NumClassCheckHook']
    assert static.model == {**tskd.model, 'review': None}
    assert static.custom_hooks == [
        dict(type='NumClassCheckHook'),
        dict(type='DistillationHook', preflight=False, priority=40),
        dict(type='LossBalanceHook', shares=dict(attention=1.0)),
    ]
    for arm in (none, static):
        for key in before.keys() - {'model', 'custom_hooks'}:
            assert arm[key] == before[key], key


def none_of(config: Config) -> dict:
    return config.model.student.data_preprocessor


def test_no_review_to_compare(config):
    config.model.review = None
    assert [*make_arms(config)] == ['none', 'static']


def test_no_static_loss_to_compare(config):
    config.model.feature_losses = None
    assert [*make_arms(config)] == ['none', 'tskd']


def test_a_student_by_its_name_and_keys_of_the_optimizer(config):
    config.model.student = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'
    keys = {'student.backbone': dict(lr_mult=0.1), 'norm': dict(decay_mult=0.0)}
    config.optim_wrapper.paramwise_cfg = dict(custom_keys=keys)
    alone = student_alone(config)
    assert (alone.model.type, alone.model.backbone.depth) == ('RetinaNet', 50)
    found = alone.optim_wrapper.paramwise_cfg.custom_keys
    assert found == {'backbone': dict(lr_mult=0.1), 'norm': dict(decay_mult=0.0)}


def test_a_preprocessor_at_the_top_level_stays_the_students(config):
    del config.model.student.data_preprocessor
    config.data_preprocessor = dict(type='DetDataPreprocessor', mean=[1.0] * 3)
    assert student_alone(config).model.data_preprocessor.mean == [1.0] * 3


def test_not_a_distillation(config):
    config.model = tiny_retinanet()
    text = (
        'the model must be a TSKDDistiller with a teacher to compare with, but it is '
        'RetinaNet: give the config of a distillation, not that of the student'
    )
    with refused(text):
        make_arms(config)


def test_nothing_to_compare_by(config):
    config.val_evaluator = None
    text = (
        'the config has no validation to compare by: add val_cfg, val_dataloader and '
        'val_evaluator'
    )
    with refused(text):
        make_arms(config)


def test_a_training_too_short_for_a_review(config):
    config.train_cfg.max_epochs = 6
    check_reviews(without_review(config))
    text = (
        'the training has 6 epochs, but the first review comes after 6: train '
        'for at least 7 epochs, or set a smaller interval or num_slots in '
        'TSKDMemoryHook'
    )
    with refused(text):
        check_reviews(config)
