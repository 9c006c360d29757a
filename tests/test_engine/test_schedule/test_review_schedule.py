"""The cycle of memories and reviews, from the published schedule."""

import pytest
from refusals import refused

from tskd_mm.engine.schedule.review_schedule import Node, ReviewSchedule

GENERAL = Node('general')
REVIEW = Node('review')


def test_the_first_nodes():
    nodes = [ReviewSchedule().node(step) for step in range(0, 50, 5)]
    m1, m2, m3 = (Node('memorize', slot) for slot in range(3))
    assert nodes == [m1, m2, m3, REVIEW, m1, m2, m3, REVIEW, m1, m2]
    between = {ReviewSchedule().node(s) for s in range(50) if s % 5}
    assert between == {GENERAL}


def test_a_node_at_every_step():
    schedule = ReviewSchedule(interval=1, num_slots=2)
    kinds = [(n.kind, n.slot) for n in map(schedule.node, range(4))]
    assert kinds == [
        ('memorize', 0),
        ('memorize', 1),
        ('review', None),
        ('memorize', 0),
    ]


def test_one_slot_alternates():
    schedule = ReviewSchedule(interval=2, num_slots=1)
    first, second = Node('memorize', 0), GENERAL
    expected = [first, second, REVIEW, GENERAL, first, second]
    assert [schedule.node(step) for step in range(6)] == expected


@pytest.mark.parametrize('length', [1, 2, 4])
def test_a_review_lasts_review_length_steps(length: int):
    schedule = ReviewSchedule(interval=4, num_slots=2, review_length=length)
    reviews = [s for s in range(24) if schedule.node(s).kind == 'review']
    assert reviews == [*range(8, 8 + length), *range(20, 20 + length)]
    memories = [s for s in range(24) if schedule.node(s).kind == 'memorize']
    assert memories == [0, 4, 12, 16]


def test_nodes_are_the_beginnings_in_order():
    schedule = ReviewSchedule(interval=4, num_slots=2, review_length=3)
    m1, m2 = Node('memorize', 0), Node('memorize', 1)
    beginnings = [(0, m1), (4, m2), (8, REVIEW), (12, m1), (16, m2), (20, REVIEW)]
    assert list(schedule.nodes(0, 21)) == beginnings
    assert list(schedule.nodes(0, 20)) == beginnings[:-1]
    assert list(schedule.nodes(1, 9)) == beginnings[1:3]
    assert list(schedule.nodes(1, 4)) == []


@pytest.mark.parametrize(
    'start, first',
    [(8, 8), (9, 9), (10, 10), (11, 12)],
    ids=['its first step', 'inside', 'its last step', 'after'],
)
def test_nodes_from_within_a_review(start: int, first: int):
    schedule = ReviewSchedule(interval=4, num_slots=2, review_length=3)
    nodes = list(schedule.nodes(start, 17))
    rest = [(12, Node('memorize', 0)), (16, Node('memorize', 1))]
    assert nodes == ([(first, REVIEW)] if first < 12 else []) + rest


def test_memories_by_the_steps_done_and_spans_of_reviews():
    schedule = ReviewSchedule(interval=1)
    assert schedule.memories(9) == {1: 0, 2: 1, 3: 2, 5: 0, 6: 1, 7: 2, 9: 0}
    assert schedule.review_spans(9) == [(3, 4), (7, 8)]


def test_a_review_ends_with_the_run():
    schedule = ReviewSchedule(interval=10, num_slots=1, review_length=4)
    assert schedule.memories(33) == {1: 0, 21: 0}
    assert schedule.review_spans(33) == [(10, 14), (30, 33)]


@pytest.mark.parametrize('name', ['interval', 'num_slots', 'review_length'])
@pytest.mark.parametrize('value', [0, -3, 2.5, '5', None])
def test_a_number_that_is_not_positive(name: str, value: object):
    text = f'{name} must be a positive integer, but got {value}'
    with refused(text):
        ReviewSchedule(**{name: value})


def test_a_review_longer_than_the_interval():
    text = (
        'review_length must not exceed interval, but got review_length=6 and interval=5'
    )
    with refused(text):
        ReviewSchedule(interval=5, review_length=6)
    assert ReviewSchedule(interval=5, review_length=5).node(19).kind == 'review'
