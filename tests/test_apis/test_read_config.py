"""The config, and in it the hook: built without the runner's arguments."""

import pytest
from mmengine.config import Config
from mmengine.registry import HOOKS

from tskd_mm.apis.read_config import memory_hook_of, read_config
from tskd_mm.engine import ReviewSchedule, TSKDMemoryHook


@pytest.mark.parametrize(
    'hook, expected',
    [
        ({}, (ReviewSchedule(5, 3, 1), True)),
        ({'interval': 2, 'num_slots': 4}, (ReviewSchedule(2, 4, 1), True)),
        ({'interval': 100, 'by_epoch': False}, (ReviewSchedule(100, 3, 20), False)),
        ({'interval': 3, 'by_epoch': False}, (ReviewSchedule(3, 3, 1), False)),
        (
            {'interval': 9, 'review_length': 7, 'priority': 'LOW'},
            (ReviewSchedule(9, 3, 7), True),
        ),
    ],
)
def test_schedule(hook, expected):
    other = {'type': 'NumClassCheckHook'}
    config = Config({'custom_hooks': [other, {'type': 'TSKDMemoryHook', **hook}]})
    found = memory_hook_of(config)
    assert (found.schedule, found.by_epoch) == expected


@HOOKS.register_module()
class OwnMemoryHook(TSKDMemoryHook):
    """As a user registers it."""


@pytest.mark.parametrize(
    'kind', ['OwnMemoryHook', TSKDMemoryHook, 'tskd_mm.engine.TSKDMemoryHook']
)
def test_a_child_a_class_and_a_dotted_name(kind):
    config = Config({'custom_hooks': [{'type': kind, 'interval': 2}]})
    found = memory_hook_of(config)
    assert found is not None and found.schedule.interval == 2


def test_a_config_without_the_hook():
    assert memory_hook_of(Config({})) is None
    assert memory_hook_of(Config({'custom_hooks': [{'type': 'EMAHook'}]})) is None


def test_options_change_the_config(tmp_path):
    (tmp_path / 'config.py').write_text('model = dict(width=1, depth=2)\n')
    found = read_config(tmp_path / 'config.py', {'model.width': 3})
    assert found.model == {'width': 3, 'depth': 2}


def test_no_such_config():
    with pytest.raises(SystemExit, match=r'^there is no config file no\.py$'):
        read_config('no.py')
