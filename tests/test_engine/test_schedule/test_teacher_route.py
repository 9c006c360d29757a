"""Teachers in turn, by hand."""

import pytest
from refusals import refused

from tskd_mm.engine.schedule.teacher_route import TeacherRoute


def test_each_checkpoint_from_its_step_on():
    route = TeacherRoute([(0, 'a'), (4, 'b'), (6, 'c')])
    assert ''.join(route.checkpoint(step) for step in range(9)) == 'aaaabbccc'


def test_nothing_before_the_first():
    route = TeacherRoute([(2, 'a')])
    assert [route.checkpoint(step) for step in (0, 1, 2, 99)] == [None, None, 'a', 'a']


@pytest.mark.parametrize('route', [[], [(-1, 'a')], [(0, 'a'), (0, 'b')]], ids=str)
def test_routes_that_make_no_sense_are_refused(route):
    text = (
        "a teacher's route must be pairs of an increasing step from 0 and a "
        "checkpoint, such as [(0, 'epoch_3.pth'), (4, 'epoch_12.pth')], but got "
        f'{route}'
    )
    with refused(text):
        TeacherRoute(route)
