"""The hook is found among others and built without the runner's arguments."""

import pytest
from memory_hook import memory_hook
from mmengine.config import Config

from tskd_mm.engine import ReviewSchedule


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
    found = memory_hook(config)
    assert (found.schedule, found.by_epoch) == expected


def test_none():
    assert memory_hook(Config({})) is None
    assert memory_hook(Config({'custom_hooks': [{'type': 'EMAHook'}]})) is None
