"""Masks of the images' own pixels, and means over them."""

from types import SimpleNamespace

import pytest
import torch
from mmdet.models import DetDataPreprocessor
from toys import detection_batch

from tskd_mm.models.features.padding import (
    masked_mean,
    masked_mse,
    valid_levels,
    valid_pixels,
)

LIKE = torch.zeros(1)


def _sample(image: tuple, batch: tuple) -> SimpleNamespace:
    return SimpleNamespace(img_shape=image, batch_input_shape=batch)


def test_the_masks_of_a_real_batch():
    inputs, samples = detection_batch(
        DetDataPreprocessor(pad_size_divisor=32, mean=[0.0] * 3, std=[1.0] * 3),
        ((50, 96), (96, 20)),
    )
    mask = valid_pixels(samples, (96, 96), inputs)
    expected = torch.zeros(2, 1, 96, 96)
    expected[0, :, :50], expected[1, :, :, :20] = 1, 1
    assert torch.equal(mask, expected)
    assert (inputs * (1 - mask) == 0).all()


@pytest.mark.parametrize(
    'image, size, rows, columns',
    [
        ((50, 96), (12, 12), 7, 12),  # 6.25 rows of stride 8
        ((48, 96), (12, 12), 6, 12),
        ((49, 1), (12, 12), 7, 1),
        ((50, 33), (3, 5), 2, 2),  # 1.5625 rows, 1.72 columns
        ((1, 1), (1, 1), 1, 1),
        ((50, 96, 3), (6, 6), 4, 6),
    ],
)
def test_a_pixel_is_valid_if_any_part_is_inside(
    image: tuple, size: tuple, rows: int, columns: int
):
    mask = valid_pixels([_sample(image, (96, 96))], size, LIKE)
    expected = torch.zeros(1, 1, *size)
    expected[:, :, :rows, :columns] = 1
    assert torch.equal(mask, expected)


def test_images_of_one_batch_have_masks_of_their_own():
    samples = [_sample((8, 8), (8, 8)), _sample((4, 2), (8, 8))]
    mask = valid_pixels(samples, (4, 4), LIKE)
    assert mask[0].eq(1).all()
    assert mask[1, 0].tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [0] * 4, [0] * 4]


@pytest.mark.parametrize(
    'samples',
    [
        None,
        [],
        [SimpleNamespace(img_shape=(4, 4))],  # a classifier's
        [_sample((8, 6), (8, 6))] * 2,
        [_sample((8, 6, 3), [8, 6])],
    ],
    ids=['none', 'empty', 'no record', 'no padding', 'no padding, lists'],
)
def test_no_mask_where_nothing_is_padded(samples: list | None):
    assert valid_pixels(samples, (4, 3), LIKE) is None


def test_masks_of_all_levels_are_those_of_each():
    samples = [_sample((8, 6), (8, 8)), _sample((4, 3), (8, 8))]
    levels = [torch.zeros(2, 5, size, size) for size in (8, 4, 1)]
    for mask, level in zip(valid_levels(samples, levels), levels, strict=True):
        assert torch.equal(mask, valid_pixels(samples, level.shape[-2:], level))
    assert valid_levels(None, levels) == [None] * 3


def test_masked_mse_is_the_masked_mean_of_squares():
    found, expected = torch.rand(2, 2, 1, 3, 4)
    valid = torch.ones(2, 1, 3, 4)
    valid[1, :, 2:] = 0
    errors = (found - expected).square()
    assert masked_mse(found, expected, valid) == masked_mean(errors, valid)
    assert masked_mse(found, expected, None) == errors.mean()


def test_masked_mean_weighs_images_alike():
    values = torch.arange(16.0).reshape(2, 1, 2, 4)
    valid = torch.ones(2, 1, 2, 4)
    valid[1, :, 1], valid[1, :, :, 1:] = 0, 0
    assert masked_mean(values, None) == 7.5
    assert masked_mean(values, valid) == (3.5 + 8) / 2


def test_padding_has_no_part_in_a_masked_mean():
    values = torch.rand(1, 1, 3, 3, requires_grad=True)
    valid = torch.zeros(1, 1, 3, 3)
    valid[:, :, :2, :2] = 1
    masked_mean(values, valid).backward()
    torch.testing.assert_close(values.grad, valid / 4)
