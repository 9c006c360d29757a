import pytest
import torch
from refusals import refused

from tskd_mm.models.features.level_match import (
    check_channels,
    cover,
    fit_size,
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


def test_the_same_channels_or_grey_images_are_accepted():
    check_channels(3, 3)
    check_channels(1, 3)


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
        (
            match_levels,
            ([8, 16], [4], True),
            'the student has levels of strides [8, 16] and the teacher [4]: they share '
            'none; name one module of each model for every level, with student_taps '
            'and teacher_taps, which are matched in their order, or take a teacher '
            'that shares some',
        ),
        (
            check_channels,
            (4, 3),
            "the student's images have 4 channels, but the teacher takes 3: use a "
            'teacher of such images',
        ),
    ],
)
def test_what_does_not_match_is_refused(function, arguments, text):
    with refused(text):
        function(*arguments)


@pytest.mark.parametrize(
    'size, batch, area, stride, expected',
    [
        ((12, 12), (96, 96), (89, 66), 8, (12, 9)),  # cells that are touched
        ((12, 9), (96, 66), (96, 96), 8, (12, 12)),  # the teacher pads less
        ((3, 3), (320, 320), (129, 256), 128, (2, 2)),
        ((10, 10), (100, 100), (100, 50), 9, (10, 5)),  # its cells are of 10 pixels
    ],
)
def test_cells_that_show_an_area(size, batch, area, stride, expected):
    feature = torch.rand(2, 3, *size)
    found = cover(feature, batch, area, stride)
    assert tuple(found.shape[2:]) == expected
    height, width = (min(pair) for pair in zip(size, expected))
    assert torch.equal(found[..., :height, :width], feature[..., :height, :width])
    assert found.abs().sum() == feature[..., :height, :width].abs().sum()


def test_sizes_are_pooled_or_interpolated():
    fine = torch.arange(16.0).view(1, 1, 4, 4)
    coarse = torch.tensor([[2.5, 4.5], [10.5, 12.5]]).view(1, 1, 2, 2)
    assert torch.equal(fit_size(fine, coarse), coarse)
    assert fit_size(fine, torch.zeros(1, 9, 4, 4)) is fine
    grown = fit_size(coarse, fine)
    assert grown[0, 0, :, 0].tolist() == [2.5, 4.5, 8.5, 10.5]
    wide = torch.zeros(1, 1, 8, 2)  # taller, and narrower
    assert torch.equal(fit_size(wide, fine), torch.zeros_like(fine))
