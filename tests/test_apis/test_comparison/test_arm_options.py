"""Changes of a config: merged or replaced, and refused if nothing reads them."""

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from refusals import refused
from toys import run_config

from tskd_mm.apis.comparison.arm_options import changed, parse_value


@pytest.fixture
def config(tmp_path, data, mmdet_scope) -> Config:
    init_default_scope('mmdet')
    config = Config(run_config(tmp_path, data))
    config.model.feature_losses = dict(attention=dict(type='AttentionTransferLoss'))
    return config


@pytest.mark.parametrize(
    'text, value',
    [
        ('0.5', 0.5),
        ('None', None),
        ('mmdet::a/b.py', 'mmdet::a/b.py'),
        ('[a,2]', ['a', 2]),
        ("{'a': [1, (2, 3)]}", {'a': [1, (2, 3)]}),
        ("[dict(a=1), {'b': 2}]", [{'a': 1}, {'b': 2}]),
        ("dict(_delete_=True, a=dict(b='c'))", {'_delete_': True, 'a': {'b': 'c'}}),
    ],
)
def test_values(text, value):
    assert parse_value(text) == value


def test_the_path_of_a_file_stays_as_it_is(tmp_path):
    path = tmp_path / 'my data, all' / 't.pth'
    path.parent.mkdir()
    path.touch()
    assert parse_value(str(path)) == str(path)
    assert parse_value(f'[{"a" * 300}]') == ['a' * 300]  # too long for a name


@pytest.mark.parametrize('text', ['dict(type=PKDLoss)', 'dict(open("x"))', '{1'])
def test_a_dict_that_cannot_be_read(text):
    with refused(
        f"{text} cannot be read: write it as dict(type='PKDLoss', loss_weight=1.0)"
    ):
        parse_value(text)


PKD = "pkd=dict(type='PKDLoss')"


def test_a_dict_is_merged_or_replaces(config):
    both = changed(config, [f'model.feature_losses=dict({PKD})'])
    assert [*both.model.feature_losses] == ['attention', 'pkd']
    one = changed(config, [f'model.feature_losses=dict(_delete_=True, {PKD})'])
    assert one.model.feature_losses == dict(pkd=dict(type='PKDLoss'))
    assert [*config.model.feature_losses] == ['attention']


def test_nothing_is_left_of_a_mark_without_anything_to_delete(config):
    del config.model.feature_losses
    one = changed(config, [f'model.feature_losses=dict(_delete_=True, {PKD})'])
    assert one.model.feature_losses == dict(pkd=dict(type='PKDLoss'))


def test_a_review_takes_its_hook_with_it(config):
    found = changed(config, ['model.review=None'])
    assert found.custom_hooks == [dict(type='DistillationHook')]


def test_arguments_that_the_config_does_not_have_yet(config):
    options = ['model.strides=[8,16]', 'custom_hooks.0.num_slots=2', 'load_from=a.pth']
    found = changed(config, options)
    assert found.model.strides == [8, 16]
    assert found.custom_hooks[0] == dict(type='TSKDMemoryHook', interval=1, num_slots=2)
    assert found.load_from == 'a.pth'


BALANCE = "dict(type='LossBalanceHook', shares=dict(attention=1))"


def test_a_hook_is_added(config):
    found = changed(config, [f'custom_hooks+={BALANCE}'])
    hook = dict(type='LossBalanceHook', shares=dict(attention=1))
    assert found.custom_hooks == [*config.custom_hooks, hook]
    config.pop('custom_hooks')
    found = changed(config, ['env_cfg.names+=a'])
    assert found.env_cfg == dict(names=['a'])
    assert changed(config, [f'custom_hooks+={BALANCE}']).custom_hooks == [hook]


def test_hooks_are_replaced(config):
    found = changed(config, [f"custom_hooks=[dict(type='TSKDMemoryHook'), {BALANCE}]"])
    assert [h.type for h in found.custom_hooks] == ['TSKDMemoryHook', 'LossBalanceHook']


@pytest.mark.parametrize(
    'option, text',
    [
        (
            'model.feature_loses.pkd.loss_weight=2',
            'model.feature_loses.pkd.loss_weight is not known: write instead of '
            'feature_loses one of data_preprocessor, …, teacher_taps, '
            'trust_teacher_checkpoint, type',
        ),
        (
            'optim_wrapper.optimiser.lr=1',
            'optim_wrapper.optimiser.lr is not known: write instead of optimiser '
            'one of optimizer',
        ),
        (
            'custom_hooks.3.interval=2',
            'custom_hooks.3.interval is not known: write instead of 3 one of 0',
        ),
        (
            'max_epochs=3',
            'max_epochs is not known: write instead of max_epochs one of '
            'auto_scale_lr, …, work_dir',
        ),
        (
            'log_level.high=3',
            'log_level.high is not known: write instead of high one of no names, it '
            'has no parts',
        ),
        (
            'custom_hooks.0.interval=1',
            'custom_hooks.0.interval=1 changes nothing: choose another '
            'value, or leave it out',
        ),
        (
            'custom_hooks.0=None',
            'custom_hooks.0=None does not fit the config: a dict in a list cannot '
            'become None',
        ),
        (
            'custom_hooks=TSKDMemoryHook',
            'custom_hooks=TSKDMemoryHook does not fit the config: custom_hooks must be '
            "a list of dict(type='...'), but has 'T'",
        ),
        (
            'model.teacher+=1',
            'model.teacher+=1 does not fit the config: model.teacher is no list',
        ),
        ('tskd', "'tskd' must be KEY=VALUE: write --arm NAME KEY=VALUE"),
    ],
)
def test_refused(config, option, text):
    with refused(text):
        changed(config, [option])
