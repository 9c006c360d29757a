"""Compares a loss with a NumPy form of its equation, value and gradient.

The gradient is compared with central differences of the NumPy form.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def assert_follows(
    loss: Callable, equation: Callable, student: Tensor, teacher: Tensor, **extras
) -> None:
    """``loss(student, teacher, **extras)`` is ``equation`` of the arrays."""
    student = student.double().requires_grad_()
    found = loss(student, teacher.double(), **extras)
    found.backward()
    own, wanted = student.detach().numpy(), teacher.double().numpy()
    np.testing.assert_allclose(found.item(), equation(own, wanted), rtol=1e-5)
    slopes = gradient(lambda array: equation(array, wanted), own)
    scale = np.abs(slopes).max()
    assert scale > 0
    np.testing.assert_allclose(student.grad, slopes, rtol=1e-4, atol=1e-5 * scale)


def gradient(equation: Callable, array: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences in every element."""
    slopes = np.zeros_like(array)
    for index in np.ndindex(*array.shape):
        moved = np.array([array, array])
        moved[(0, *index)] += step
        moved[(1, *index)] -= step
        slopes[index] = (equation(moved[0]) - equation(moved[1])) / (2 * step)
    return slopes


def softmax(values: np.ndarray) -> np.ndarray:
    """Over all elements."""
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || q)."""
    return float((p * np.log(p / q)).sum())


def convolve(image: np.ndarray, layer: torch.nn.Conv2d) -> np.ndarray:
    """A convolution of stride 1 that keeps the size: (C, H, W) to (C', H, W)."""
    weight = layer.weight.detach().double().numpy()
    reach = weight.shape[-1] // 2
    padded = np.pad(image, ((0, 0), (reach, reach), (reach, reach)))
    result = np.zeros((len(weight), *image.shape[1:]))
    for row, column in np.ndindex(*image.shape[1:]):
        window = padded[:, row : row + 2 * reach + 1, column : column + 2 * reach + 1]
        result[:, row, column] = np.tensordot(weight, window, 3)
    if layer.bias is not None:
        result += layer.bias.detach().double().numpy()[:, None, None]
    return result


def shake(module: torch.nn.Module) -> torch.nn.Module:
    """Random parameters, none at a special starting value; in double precision."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module.double()
