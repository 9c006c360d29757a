import pytest
from refusals import refused

from tskd_mm.models.features.level_match import (
    match_levels,
    select_levels,
)


def test_pyramids_are_matched_by_stride():
    assert match_levels([8, 16, 32], [4, 8, 16, 32, 64], pyramid=True) == [1, 2, 3]
    strides = [64, 128, 128, 128]  # some levels share one
    assert match_levels(strides, strides, pyramid=True) == [0, 1, 2, 3]


def test_levels_are_selected_by_stride():
    assert select_levels([4, 8, 16, 32], [8, 32]) == [1, 3]
    assert select_levels([64, 128, 128, 128], [128, 128]) == [1, 2]


def test_named_levels_are_matched_in_order():
    assert match_levels([1, 1, 2], [1, 2, 4], pyramid=False) == [0, 1, 2]


@pytest.mark.parametrize(
    'function, arguments, text',
    [
        (
            match_levels,
            ([4, 8, 16], [8, 16, 32], True),
            'the student has levels of strides [4, 8, 16] and the teacher [8, 16, 32]: '
            'every level of the student needs one of the teacher; to use those that '
            'both have set strides=[8, 16]',
        ),
        (
            match_levels,
            ([1, 2], [1], False),
            'student_taps and teacher_taps must give the same number of levels, but '
            'the student has strides [1, 2] and the teacher [1]: name one module of '
            'the teacher for each',
        ),
        (
            select_levels,
            ([4, 8], [8, 64]),
            "strides must be among the student's [4, 8], but got [8, 64]",
        ),
    ],
)
def test_what_does_not_match_is_refused(function, arguments, text):
    with refused(text):
        function(*arguments)
