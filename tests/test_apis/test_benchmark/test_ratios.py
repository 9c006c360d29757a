"""Steps against the sum of their parts."""

import pytest
from mmengine.config import Config

from tskd_mm.apis.benchmark.ratios import ratios, review_share
from tskd_mm.engine import TSKDMemoryHook


def test_ratios_are_taken_turn_by_turn():
    """A turn in which the machine was slow does not matter."""
    parts = (
        'student',
        'teacher features',
        'features of one past student',
        'predictors',
    )
    seconds = {'TSKD, general': 3.0, 'TSKD, review': 9.0, **dict.fromkeys(parts, 1.0)}
    seconds['TSKD, general, shares measured'] = 3.6
    turns = {name: [value, 50 * value, value / 2] for name, value in seconds.items()}
    found = ratios(turns, slots=3, share=0.25)
    assert found == {
        'general / student': 3,
        'general / (student + teacher features)': 1.5,
        'shares measured / general': pytest.approx(1.2),
        'review / student': 9,
        'review / general': 3,
        'review / (student + teacher + past students + predictors)': 1.5,
        'schedule / without distillation': 4.5,
        'schedule / static distillation': 1.5,
        'share of review steps in the schedule': 0.25,
    }


@pytest.mark.parametrize(
    'length, hook, share',
    [
        ({'max_epochs': 12}, dict(interval=1), 3 / 12),
        ({'max_epochs': 7}, dict(interval=1), 1 / 7),
        ({'max_iters': 90}, dict(interval=10, by_epoch=False, review_length=2), 4 / 90),
        # How many iterations there will be is not known: a whole cycle.
        ({'max_epochs': 1}, dict(interval=10, by_epoch=False, review_length=2), 2 / 40),
    ],
)
def test_share_of_reviews(length: dict, hook: dict, share: float):
    config = Config(dict(train_cfg=length))
    assert review_share(config, TSKDMemoryHook(**hook)) == share
