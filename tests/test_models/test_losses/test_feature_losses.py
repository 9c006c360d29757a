"""Losses on one level of features against NumPy forms of their equations."""

import numpy as np
import pytest
import torch
from loss_reference import assert_follows, convolve, divergence, shake, softmax

from tskd_mm.models.losses import (
    AttentionTransferLoss,
    CWDLoss,
    FitNetLoss,
    MGDLoss,
    PKDLoss,
)

# The second of two images has two rows and a column of padding.
VALID = torch.ones(2, 1, 4, 3)
VALID[1, :, 2:], VALID[1, :, :, 2:] = 0, 0
MASKS = pytest.mark.parametrize('valid', [None, VALID], ids=['all', 'padded'])


def features(valid: torch.Tensor | None = None) -> tuple:
    pair = torch.randn(2, 3, 4, 3), torch.randn(2, 3, 4, 3) * 2
    return pair if valid is None else tuple(f * valid for f in pair)


def inside(image: int, valid: torch.Tensor | None) -> np.ndarray:
    """The valid pixels of an image, (H, W)."""
    mask = torch.ones_like(VALID) if valid is None else valid
    return mask[image, 0].numpy() > 0


@MASKS
def test_fitnet_follows_its_equation(valid):
    def equation(student: np.ndarray, teacher: np.ndarray) -> float:
        images = [(student[i] - teacher[i])[:, inside(i, valid)] ** 2 for i in range(2)]
        return 100 * np.mean([image.mean() for image in images])

    assert_follows(FitNetLoss(100.0), equation, *features(valid), valid=valid)


def test_fitnet_has_batch_norm_and_relu_on_request():
    def equation(student: np.ndarray, teacher: np.ndarray) -> float:
        axes = dict(axis=(0, 2, 3), keepdims=True)
        centred = student - student.mean(**axes)
        normed = centred / np.sqrt((centred**2).mean(**axes) + 1e-5)
        return 100 * ((np.maximum(normed, 0) - teacher) ** 2).mean()

    loss = FitNetLoss(100.0, norm_relu=True, teacher_channels=3).double()
    assert_follows(loss, equation, *features())


@MASKS
@pytest.mark.parametrize('temperature, weight', [(1.0, 10.0), (4.0, 3.0)])
def test_cwd_follows_its_equation(valid, temperature: float, weight: float):
    def equation(student: np.ndarray, teacher: np.ndarray) -> float:
        total = 0.0
        for image, channel in np.ndindex(2, 3):
            pixels = image, channel, inside(image, valid)
            s, t = student[pixels] / temperature, teacher[pixels] / temperature
            total += divergence(softmax(t), softmax(s))
        return weight * temperature**2 * total / (2 * 3)

    loss = CWDLoss(temperature, weight)
    assert_follows(loss, equation, *features(valid), valid=valid)


@MASKS
def test_pkd_follows_its_equation(valid):
    def equation(student: np.ndarray, teacher: np.ndarray) -> float:
        """1 - Pearson's r, mean of the channels; (n - 1) / n for the deviation."""
        masks = np.stack([inside(0, valid), inside(1, valid)])
        correlations = [
            np.corrcoef(student[:, channel][masks], teacher[:, channel][masks])[0, 1]
            for channel in range(3)
        ]
        count = masks.sum()
        return 6 * (count - 1) / count * (1 - np.mean(correlations))

    assert_follows(PKDLoss(6.0), equation, *features(valid), valid=valid)


@pytest.mark.parametrize('channels', [(3, 3), (3, 5)], ids=str)
@pytest.mark.parametrize('padded', [False, True])
def test_pkd_of_a_pyramid_is_the_sum_of_its_levels(channels, padded):
    torch.manual_seed(0)
    shapes = [(2, channels[0], 6, 4), (2, channels[1], 3, 2)]
    student, teacher = ([torch.randn(shape) for shape in shapes] for _ in range(2))
    valid = [(torch.rand(2, 1, *shape[2:]) > 0.3).float() for shape in shapes]
    masks = valid if padded else [None, None]
    found = PKDLoss()(student, teacher, masks)
    expected = sum(map(PKDLoss(), student, teacher, masks))
    torch.testing.assert_close(found, expected)


def test_pkd_of_a_constant_channel_has_a_finite_gradient():
    student = torch.randn(2, 3, 4, 3)
    student[:, 1] = 2
    student.requires_grad_()
    PKDLoss()(student, torch.randn(2, 3, 4, 3)).backward()
    assert torch.isfinite(student.grad).all()
    assert student.grad[:, 0].abs().sum() > 0


def test_pkd_of_a_single_pixel_is_zero():
    student = torch.randn(1, 3, 1, 1).requires_grad_()
    loss = PKDLoss()(student, torch.randn(1, 3, 1, 1))
    loss.backward()
    assert loss == 0 and (student.grad == 0).all()


@MASKS
@pytest.mark.parametrize('ratio', [0.65, 0.15])
def test_mgd_follows_its_equation(valid, ratio: float):
    loss = shake(MGDLoss(teacher_channels=3, mask_ratio=ratio, loss_weight=2e-5))
    torch.manual_seed(7)
    kept = torch.rand(2, 1, 4, 3, dtype=torch.float64).numpy() >= ratio
    assert 0 < kept.sum() < 24

    def equation(student: np.ndarray, teacher: np.ndarray) -> float:
        total = 0.0
        for i in range(2):
            hidden = convolve(student[i] * kept[i], loss.generation[0])
            made = convolve(np.maximum(hidden, 0), loss.generation[2])
            total += ((made - teacher[i])[:, inside(i, valid)] ** 2).sum()
        return 2e-5 * total / 2

    def seeded(*args, **kwargs) -> torch.Tensor:
        torch.manual_seed(7)
        return loss(*args, **kwargs)

    assert_follows(seeded, equation, *features(valid), valid=valid)


def test_mgd_blanks_the_share_it_is_told_anew_in_every_step():
    loss = MGDLoss(1, mask_ratio=0.65, loss_weight=1.0)
    loss.generation = torch.nn.Identity()
    ones, zeros = torch.ones(1, 1, 100, 100), torch.zeros(1, 1, 100, 100)
    first, second = float(loss(ones, zeros)), float(loss(ones, zeros))
    assert first != second
    assert first / 1e4 == pytest.approx(0.35, abs=0.02)


@pytest.mark.parametrize(
    'normalize, expected',
    [
        ('rms', 2 * (1 - 0.8)),  # unit vectors (1, 0) and (0.8, 0.6)
        ('spatial', 2 * (1 - 0.8) / 2),
        ('column', ((1 - 1) ** 2 + (0 - 1) ** 2) / 2),
    ],
)
def test_attention_transfer_by_hand(normalize: str, expected: float):
    student = torch.tensor([[1.0, 0.0]]).view(1, 1, 1, 2)
    teacher = torch.tensor([[8.0, 6.0]]).sqrt().view(1, 1, 1, 2).expand(1, 3, 1, 2)
    for weight in (1.0, 2.5):
        found = AttentionTransferLoss(normalize, loss_weight=weight)(student, teacher)
        assert float(found) == pytest.approx(weight * expected, rel=1e-6)


@pytest.mark.parametrize('padded', [False, True])
@pytest.mark.parametrize('normalize', ['rms', 'spatial', 'column'])
def test_attention_transfer_of_a_pyramid_is_the_sum_of_its_levels(normalize, padded):
    sizes = [(6, 8), (3, 4), (1, 1)]
    student = [torch.randn(2, 4, *size, requires_grad=True) for size in sizes]
    teacher = [torch.randn(2, 3, *size) for size in sizes]
    loss = AttentionTransferLoss(normalize, loss_weight=0.3)
    valid = [torch.ones(2, 1, *size) for size in sizes] if padded else [None] * 3
    for mask in valid if padded else []:
        mask[1, :, 2:] = 0
    found = loss(student, teacher, valid)
    levels = zip(student, teacher, valid)
    expected = sum(loss([s], [t], [mask]) for s, t, mask in levels)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, student), torch.autograd.grad(expected, student)
    )


def test_attention_transfer_ignores_a_padding_with_anything():
    student, teacher = torch.randn(2, 4, 5, 6), torch.randn(2, 3, 5, 6)
    valid = torch.ones(2, 1, 5, 6)
    valid[1, :, 3:] = 0
    found = AttentionTransferLoss()([student], [teacher], [valid])
    first, second = (
        AttentionTransferLoss()(student[i : i + 1, :, :n], teacher[i : i + 1, :, :n])
        for i, n in ((0, 5), (1, 3))
    )
    torch.testing.assert_close(found, (first + second) / 2)
