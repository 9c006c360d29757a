"""Which pixels of a padded batch belong to its images."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .joined_levels import JoinedLevels


def valid_pixels(
    data_samples: Sequence[Any] | None, size: Sequence[int], like: Tensor
) -> Tensor | None:
    """Mask of the images' own pixels at one resolution.

    A pixel is valid if any part of it lies inside the image. The shapes come from
    ``img_shape`` and ``batch_input_shape``, which mmdet's preprocessor keeps up to
    date; classifiers do not pad and have no such record.

    Args:
        data_samples: One per image, or None.
        size: Height and width of the mask.
        like: Gives the device.

    Returns:
        1 inside and 0 in the padding, (N, 1, height, width); None if nothing is
        padded.
    """
    return _masks(data_samples, [size], like.device)[0]


def valid_levels(
    data_samples: Sequence[Any] | None, levels: Sequence[Tensor]
) -> list[Tensor | None]:
    """:func:`valid_pixels` at the resolution of each level.

    Args:
        data_samples: One per image, or None.
        levels: Feature maps, (N, C, H, W).
    """
    sizes = [level.shape[-2:] for level in levels]
    return _masks(data_samples, sizes, levels[0].device) if sizes else []


def _masks(
    data_samples: Sequence[Any] | None,
    sizes: Sequence[Sequence[int]],
    device: torch.device,
) -> list[Tensor | None]:
    samples = data_samples or []
    if not samples or not hasattr(samples[0], 'batch_input_shape'):
        return [None] * len(sizes)
    if all(tuple(s.img_shape[:2]) == tuple(s.batch_input_shape) for s in samples):
        return [None] * len(sizes)
    masks = [torch.zeros(len(samples), 1, *size) for size in sizes]
    for mask, size in zip(masks, sizes):
        for image, sample in zip(mask, samples):
            rows, columns = _inside(sample, size)
            image[:, :rows, :columns] = 1
    row = JoinedLevels(masks)  # one copy to a GPU for all levels
    return [*row.split(row.join(masks).to(device, non_blocking=True))]


def _inside(sample: Any, size: Sequence[int]) -> list[int]:
    """Rows and columns of a map that an image reaches into."""
    shapes = zip(sample.img_shape, size, sample.batch_input_shape)
    return [-(-inside * cells // whole) for inside, cells, whole in shapes]


def image_sizes(
    data_samples: Sequence[Any] | None, inputs: Tensor
) -> list[tuple[int, int]]:
    """Height and width of each image, without its padding.

    Args:
        data_samples: One per image, or None. Where they do not tell an image from its
            padding, all of it is image.
        inputs: The images, (N, C, H, W).
    """
    whole = (inputs.shape[-2], inputs.shape[-1])
    samples = data_samples or [None] * len(inputs)
    return [
        (s.img_shape[0], s.img_shape[1]) if hasattr(s, 'batch_input_shape') else whole
        for s in samples
    ]


def masked_mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """Mean over the valid pixels of each image, then over the batch.

    Args:
        values: (N, 1, H, W).
        valid: As from :func:`valid_pixels`.

    Returns:
        Scalar. An image counts the same whatever it was batched with.
    """
    if valid is None:
        return values.mean()
    dims = (1, 2, 3)
    return torch.mean((values * valid).sum(dims) / valid.sum(dims))


def masked_mse(found: Tensor, expected: Tensor, valid: Tensor | None) -> Tensor:
    """:func:`masked_mean` of the squared differences.

    Args:
        found: (N, 1, H, W).
        expected: (N, 1, H, W).
        valid: As from :func:`valid_pixels`.
    """
    if valid is None:
        return F.mse_loss(found, expected)
    return masked_mean((found - expected).square(), valid)


def spatial_log_softmax(values: Tensor, valid: Tensor | None) -> Tensor:
    """Log of the softmax over the valid pixels of each map.

    Args:
        values: (N, C, H, W).
        valid: As from :func:`valid_pixels`.

    Returns:
        (N, C, H, W); in the padding a finite value whose exponential is 0.
    """
    if valid is not None:
        values = values.masked_fill(valid == 0, torch.finfo(values.dtype).min)
    return values.flatten(2).log_softmax(dim=2).view_as(values)
