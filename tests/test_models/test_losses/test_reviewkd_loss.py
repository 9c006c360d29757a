"""ReviewKD against a NumPy form of its equations."""

import numpy as np
import pytest
import torch
from loss_reference import convolve, gradient, shake
from torch import nn

from tskd_mm.models.losses import ReviewKDLoss

OWN, WANTED = (2, 3), (3, 2)
SIZES = ((6, 5), (3, 2))
VALID = [torch.ones(2, 1, *size) for size in SIZES]
VALID[0][1, :, 4:], VALID[1][1, :, 2:] = 0, 0


def pyramid(channels: tuple) -> list:
    return [torch.randn(2, c, *s).double() for c, s in zip(channels, SIZES)]


def normalize(batch: np.ndarray, norm: nn.BatchNorm2d) -> np.ndarray:
    mean, variance = batch.mean((0, 2, 3)), batch.var((0, 2, 3))
    scale = norm.weight.detach().numpy() / np.sqrt(variance + norm.eps)
    shift = norm.bias.detach().numpy() - mean * scale
    return batch * scale[:, None, None] + shift[:, None, None]


def layer(batch: np.ndarray, module: nn.Sequential) -> np.ndarray:
    return normalize(np.stack([convolve(i, module[0]) for i in batch]), module[1])


def enlarge(batch: np.ndarray, size: tuple) -> np.ndarray:
    rows = [row * batch.shape[2] // size[0] for row in range(size[0])]
    columns = [column * batch.shape[3] // size[1] for column in range(size[1])]
    return batch[:, :, rows][:, :, :, columns]


def fuse(batch: np.ndarray, deeper: np.ndarray | None, module: nn.Module) -> np.ndarray:
    x = layer(batch, module.reduce)
    if deeper is None:
        return x
    deeper = enlarge(deeper, x.shape[2:])
    both = np.concatenate([x, deeper], 1)
    z = np.stack([1 / (1 + np.exp(-convolve(i, module.weigh))) for i in both])
    return x * z[:, :1] + deeper * z[:, 1:]


def pool(batch: np.ndarray, size: int) -> np.ndarray:
    height, width = batch.shape[2:]
    result = np.zeros((*batch.shape[:2], size, size))
    for row, column in np.ndindex(size, size):
        rows = slice(row * height // size, -(-(row + 1) * height // size))
        columns = slice(column * width // size, -(-(column + 1) * width // size))
        result[:, :, row, column] = batch[:, :, rows, columns].mean((2, 3))
    return result


def hcl(a: np.ndarray, b: np.ndarray) -> float:
    terms, weights = [np.mean((a - b) ** 2)], [1.0]
    for size in (4, 2, 1):
        if size < min(a.shape[2:]):
            terms.append(np.mean((pool(a, size) - pool(b, size)) ** 2))
            weights.append(weights[-1] / 2)
    return float(np.average(terms, weights=weights))


def equation(loss: ReviewKDLoss, student: list, teacher: list, masks: list) -> float:
    total, deeper = 0.0, None
    for level in reversed(range(len(student))):
        deeper = fuse(student[level], deeper, loss.fusions[level])
        output = layer(deeper, loss.fusions[level].project)
        total += hcl(output * masks[level], teacher[level] * masks[level])
    return loss.loss_weight * total


@pytest.mark.parametrize('valid', [None, VALID], ids=['all', 'padded'])
def test_reviewkd_follows_its_equation(valid):
    loss = shake(ReviewKDLoss(OWN, WANTED, loss_weight=0.6))
    student, teacher = pyramid(OWN), pyramid(WANTED)
    masks = [mask.numpy() for mask in valid or [torch.ones(1)] * 2]
    own, wanted = ([f.numpy() for f in levels] for levels in (student, teacher))
    inputs = [level.clone().requires_grad_() for level in student]
    found = loss(inputs, teacher, valid)
    found.backward()
    expected = equation(loss, own, wanted, masks)
    assert found.item() == pytest.approx(expected, rel=1e-9)
    for level, level_inputs in enumerate(inputs):

        def of_level(array: np.ndarray, level: int = level) -> float:
            levels = [*own[:level], array, *own[level + 1 :]]
            return equation(loss, levels, wanted, masks)

        slopes = gradient(of_level, own[level])
        np.testing.assert_allclose(level_inputs.grad, slopes, rtol=1e-4, atol=1e-8)


def test_a_pooled_level_is_one_more():
    loss = shake(ReviewKDLoss(OWN, WANTED, pooled_level=True))
    student, teacher = pyramid(OWN), pyramid(WANTED)
    own, wanted = ([f.numpy() for f in levels] for levels in (student, teacher))
    for levels in (own, wanted):
        levels.append(np.maximum(levels[-1], 0).mean((2, 3), keepdims=True))
    found = loss(student, teacher)
    assert float(found) == pytest.approx(equation(loss, own, wanted, [1] * 3), rel=1e-9)


def test_a_pooled_level_of_one_image_uses_running_statistics():
    """The last batch of an epoch can be one: it has no variance of its own."""
    loss = ReviewKDLoss([4, 6], [5, 7], pooled_level=True)
    pooled = loss.fusions[-1]
    for norm in (pooled.reduce[1], pooled.project[1]):
        norm.running_mean.uniform_()
        norm.running_var.uniform_(0.5, 2)
    feature = torch.randn(1, 6, 1, 1)
    found = pooled(feature, None)
    expected = pooled.eval()(feature, None)
    for a, b in zip(found, expected):
        assert torch.equal(a, b)
    student = [torch.randn(1, c, s, s, requires_grad=True) for c, s in ((4, 4), (6, 2))]
    teacher = [torch.randn(1, c, s, s) for c, s in ((5, 4), (7, 2))]
    loss.train()(student, teacher).backward()
    assert all(level.grad.abs().sum() > 0 for level in student)
    tracked = [int(fusion.reduce[1].num_batches_tracked) for fusion in loss.fusions]
    assert tracked == [1, 1, 0]


def test_each_coarser_size_has_half_the_weight():
    """The maps themselves, then 4x4, 2x2 and 1x1 with half the weight each time."""
    loss = ReviewKDLoss((1,), (1,))
    loss.fusions[0] = nn.Identity()
    loss.fusions[0].forward = lambda feature, deeper: (feature, feature)
    ones = torch.ones(1, 1, 8, 8)
    checkered = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(4, 4)[None, None]
    assert float(loss([ones], [0 * ones])) == pytest.approx(1)
    # Each pooled map is 0, so of 1 + 1/2 + 1/4 + 1/8 only the first term is left.
    assert float(loss([checkered], [0 * ones])) == pytest.approx(1 / 1.875)


def test_the_handed_on_channels_are_limited():
    loss = ReviewKDLoss((8, 600), (8, 8))
    assert loss.fusions[1].reduce[0].out_channels == 512
    assert loss.fusions[0].weigh.in_channels == 1024
    assert loss.fusions[1].weigh is None
    assert loss.loss_weight == 1
