"""Attention maps in closed form."""

import math

import pytest
import torch
from refusals import refused

from tskd_mm.models.features.attention_map import attention_map, attention_row
from tskd_mm.models.features.joined_levels import JoinedLevels

NORMS = pytest.mark.parametrize('normalize', ['column', 'spatial', 'rms'])

ENERGY = torch.tensor([[3.0, 0.0, 2.0], [4.0, 6.0, 0.0]])  # mean of two channels
FEATURE = torch.stack([(0.5 * ENERGY).sqrt(), -(1.5 * ENERGY).sqrt()])


@pytest.mark.parametrize(
    'normalize, expected',
    [
        ('column', [[0.6, 0.0, 1.0], [0.8, 1.0, 0.0]]),
        ('spatial', (ENERGY / math.sqrt(65)).tolist()),
        ('rms', (ENERGY / math.sqrt(65 / 6)).tolist()),
    ],
)
def test_values_by_hand(normalize: str, expected: list):
    found = attention_map(FEATURE[None], normalize)
    assert found.shape == (1, 1, 2, 3)
    torch.testing.assert_close(found[0, 0], torch.tensor(expected))
    if normalize == 'column':  # the release's is the default
        assert torch.equal(attention_map(FEATURE[None]), found)


@NORMS
def test_images_do_not_mix_and_scale_does_not_matter(normalize: str):
    batch = torch.randn(3, 4, 5, 6)
    alone = torch.cat([attention_map(image[None] * 7, normalize) for image in batch])
    torch.testing.assert_close(attention_map(batch, normalize), alone)


@NORMS
def test_padding_reads_zero_whatever_is_there(normalize: str):
    feature, valid = torch.randn(2, 4, 6, 5), torch.ones(2, 1, 6, 5)
    valid[0, :, 4:], valid[1, :, :, 3:] = 0, 0
    found = attention_map(feature, normalize, valid)
    assert (found[valid == 0] == 0).all()
    assert (found[valid == 1] > 0).all()
    spoiled = feature + 1e3 * (1 - valid)
    torch.testing.assert_close(attention_map(spoiled, normalize, valid), found)


@NORMS
def test_an_image_has_the_same_map_padded_and_alone(normalize: str):
    images = [torch.randn(4, 4, 5), torch.randn(4, 6, 3)]
    batch, valid = torch.randn(2, 4, 6, 5), torch.zeros(2, 1, 6, 5)
    for index, image in enumerate(images):
        _, height, width = image.shape
        batch[index, :, :height, :width] = image
        valid[index, :, :height, :width] = 1
    found = attention_map(batch, normalize, valid)
    for index, image in enumerate(images):
        _, height, width = image.shape
        torch.testing.assert_close(
            found[index : index + 1, :, :height, :width],
            attention_map(image[None], normalize),
        )


@NORMS
def test_a_dark_image_is_no_division_by_zero(normalize: str):
    feature = torch.zeros(1, 2, 3, 3, requires_grad=True)
    found = attention_map(feature, normalize)
    found.sum().backward()
    assert torch.equal(found, torch.zeros(1, 1, 3, 3))
    assert torch.equal(feature.grad, torch.zeros(1, 2, 3, 3))


@NORMS
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(normalize: str, dtype: torch.dtype):
    feature = (torch.randn(1, 4, 5, 6) * 300).to(dtype)  # squares overflow float16
    found = attention_map(feature, normalize)
    assert found.dtype == torch.float32
    assert torch.equal(found, attention_map(feature.float(), normalize))
    assert torch.isfinite(found).all()


@NORMS
def test_the_gradient_is_the_slope(normalize: str):
    feature = torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    weight, step = torch.randn(1, 1, 3, 3), 1e-2
    (attention_map(feature, normalize) * weight).sum().backward()
    direction = torch.randn_like(feature)
    with torch.no_grad():
        ahead, behind = (
            (attention_map(feature + sign * step * direction, normalize) * weight).sum()
            for sign in (1, -1)
        )
    slope = float(ahead - behind) / (2 * step)
    assert float((feature.grad * direction).sum()) == pytest.approx(slope, rel=0.02)


def test_an_unknown_norm_is_refused():
    text = "normalize must be one of column, spatial, rms, but got 'row'"
    with refused(text):
        attention_map(torch.ones(1, 1, 2, 2), 'row')


@NORMS
@pytest.mark.parametrize('padded', [False, True])
def test_maps_of_models_and_levels_at_once_are_those_of_each(normalize: str, padded):
    sizes = [(6, 4), (3, 2), (1, 1)]
    models = [[torch.randn(2, c, *size) for size in sizes] for c in (3, 5)]
    valid: list = [None] * 3
    if padded:
        valid = [torch.ones(2, 1, *size) for size in sizes]
        for mask in valid[:2]:
            mask[1, :, -1:] = 0
    rows = attention_row(models, normalize, valid)
    assert rows.shape == (2, 2, 1, 24 + 6 + 1)
    for features, row in zip(models, rows):
        for feature, mask, found in zip(
            features, valid, JoinedLevels(features).split(row)
        ):
            expected = attention_map(feature, normalize, mask)
            torch.testing.assert_close(found, expected)


def test_the_energy_s_gradient_is_that_of_autograd_to_the_last_bit():
    feature = torch.randn(3, 7, 5, 6, requires_grad=True)
    upstream = torch.randn(3, 1, 5, 6)
    plain = torch.nn.functional.normalize(feature.pow(2).mean(1, keepdim=True), dim=2)
    (expected,) = torch.autograd.grad(plain, feature, upstream)
    found = attention_map(feature, 'column')
    assert torch.equal(found, plain)
    assert torch.equal(torch.autograd.grad(found, feature, upstream)[0], expected)
