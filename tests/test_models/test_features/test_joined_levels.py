"""Levels in a row of pixels, and back."""

import torch

from tskd_mm.models.features.joined_levels import JoinedLevels

LEVELS = [torch.arange(12.0).view(2, 1, 2, 3), torch.tensor([[[[7.0]]], [[[9.0]]]])]
ROW = torch.tensor([[[0.0, 1, 2, 3, 4, 5, 7]], [[6.0, 7, 8, 9, 10, 11, 9]]])


def test_joined_in_order_and_split_again():
    row = JoinedLevels(LEVELS)
    assert torch.equal(row.join(LEVELS), ROW)
    for found, level in zip(row.split(ROW), LEVELS):
        assert torch.equal(found, level)
        assert found.untyped_storage().data_ptr() == ROW.untyped_storage().data_ptr()


def test_one_level_is_not_copied():
    row = JoinedLevels(LEVELS[:1])
    assert row.join(LEVELS[:1]).data_ptr() == LEVELS[0].data_ptr()


def test_sums_of_the_levels_and_values_for_their_pixels():
    row = JoinedLevels(LEVELS)
    sums = row.sums(ROW)
    assert sums.tolist() == [[[15, 7]], [[51, 9]]]
    assert row.spread(sums).tolist() == [[[15] * 6 + [7]], [[51] * 6 + [9]]]


def test_means_do_not_count_the_padding():
    row = JoinedLevels(LEVELS)
    assert row.join_masks([None, None]) is None
    torch.testing.assert_close(
        row.means(ROW, None), torch.tensor([[15 / 6 + 7], [51 / 6 + 9]])
    )
    masks = [torch.ones(2, 1, 2, 3), torch.ones(2, 1, 1, 1)]
    masks[1 - 1][0, :, 1] = 0  # the first image is one row high
    inside = row.join_masks(masks)
    assert row.count(inside, ROW).tolist() == [[[3, 1]], [[6, 1]]]
    means = row.means(ROW * inside, inside)
    torch.testing.assert_close(means, torch.tensor([[3 / 3 + 7], [51 / 6 + 9]]))


def test_averages_of_each_level():
    row = JoinedLevels(LEVELS)
    expected = torch.tensor([[[15 / 6, 7]], [[51 / 6, 9]]])
    torch.testing.assert_close(row.averages(ROW, None), expected)
    inside = torch.ones_like(ROW)
    inside[0, :, 3:6] = 0
    expected[0, 0, 0] = 3 / 3
    torch.testing.assert_close(row.averages(ROW * inside, inside), expected)
