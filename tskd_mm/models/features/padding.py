"""Which pixels of a padded batch belong to its images."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


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
    samples = data_samples or []
    if not samples or not hasattr(samples[0], 'batch_input_shape'):
        return None
    if all(tuple(s.img_shape[:2]) == tuple(s.batch_input_shape) for s in samples):
        return None
    mask = torch.zeros(len(samples), 1, *size, device=like.device)
    for image, sample in zip(mask, samples):
        rows, columns = (
            -(-inside * cells // whole)  # rounded up
            for inside, cells, whole in zip(
                sample.img_shape, size, sample.batch_input_shape
            )
        )
        image[:, :rows, :columns] = 1
    return mask


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
