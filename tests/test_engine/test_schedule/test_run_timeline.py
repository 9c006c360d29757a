"""The closed forms of the schedule against counting step by step."""

from types import SimpleNamespace

import pytest

from tskd_mm.engine.schedule.review_schedule import ReviewSchedule
from tskd_mm.engine.schedule.run_timeline import RunTimeline

SCHEDULES = [
    ReviewSchedule(),
    ReviewSchedule(1, 3, 1),
    ReviewSchedule(4, 2, 3),
    ReviewSchedule(3, 1, 3),
]


@pytest.mark.parametrize('schedule', SCHEDULES)
def test_counts_of_reviews(schedule):
    reviewing = [schedule.node(step).kind == 'review' for step in range(60)]
    begins = [step for step, node in schedule.nodes(0, 60) if node.kind == 'review']
    for stop in range(60):
        assert schedule.reviews_begun(stop) == sum(begin < stop for begin in begins)
        for start in range(0, stop + 1, 7):
            assert schedule.steps_in_review(start, stop) == sum(reviewing[start:stop])


@pytest.mark.parametrize('schedule', SCHEDULES)
def test_steps_since_a_review_began_or_ended(schedule):
    reviewing = [schedule.node(step).kind == 'review' for step in range(60)]
    since = 0
    for step in range(60):
        same = step > 0 and reviewing[step] == reviewing[step - 1]
        since = since + 1 if same else 1
        assert schedule.since_change(step) == since


@pytest.mark.parametrize('schedule', SCHEDULES)
def test_the_same_cycle_in_iterations(schedule):
    fine = schedule.finer(7)
    for step in range(30):
        kinds = {fine.node(step * 7 + i).kind == 'review' for i in range(7)}
        assert kinds == {schedule.node(step).kind == 'review'}


def test_phases_in_words():
    timeline = RunTimeline(
        ReviewSchedule(2, 1, 1), by_epoch=True, end=70, iters_per_step=10
    )
    assert [timeline.describe(10 * epoch + 9) for epoch in range(7)] == [
        'memorize M1, next review 1/2',
        'general, next review 1/2',
        'review 1/2',
        'general, next review 2/2',
        'memorize M1, next review 2/2',
        'general, next review 2/2',
        'review 2/2',
    ]
    longer = RunTimeline(ReviewSchedule(2, 1, 1), True, 80, 10)
    assert longer.describe(75) == 'general, reviews done 2/2'


def test_position_follows_the_epochs():
    """Resumed after 6 epochs of 100 iterations, now of 200."""
    runner = SimpleNamespace(epoch=6, iter=603)
    timeline = RunTimeline(ReviewSchedule(1, 3, 1), True, 12 * 200, 200)
    assert timeline.position(runner, 3) == 1203
    assert timeline.describe(1203) == 'memorize M3, next review 2/3'
    assert RunTimeline(ReviewSchedule(5, 3, 1), False, 2400, 1).position(runner) == 603


def test_iterations_that_are_left():
    timeline = RunTimeline(
        ReviewSchedule(2, 1, 1), by_epoch=True, end=70, iters_per_step=10
    )
    assert timeline.split(0) == (50, 20)
    assert timeline.split(25) == (30, 15)
    assert timeline.split(70) == (0, 0)
    assert (timeline.unit, timeline.steps, timeline.reviews) == ('epoch', 7, 2)


@pytest.mark.parametrize('end, last', [(40, 24), (24, 23)])
def test_a_review_ends_with_its_length_or_with_the_training(end, last):
    """M1, R of 2 epochs, in epochs of 5 iterations; interval 3."""
    timeline = RunTimeline(ReviewSchedule(3, 1, 2), True, end, 5)
    assert [i for i in range(end) if timeline.ends_review(i)] == [last]
