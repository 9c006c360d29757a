"""Attention maps: where a feature map responds, whatever its channels."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .full_precision import full_precision
from .joined_levels import JoinedLevels

NORMALIZATIONS = ('column', 'spatial', 'rms')
SMALLEST = 1e-24  # squared norm; keeps dark images from a division by zero


def attention_map(
    feature: Tensor, normalize: str = 'column', valid: Tensor | None = None
) -> Tensor:
    """Normalised mean energy of the channels, ``A(F) = norm(mean_c F_c^2)``.

    Source: TSKD (arXiv 2307.00811), after attention transfer (arXiv 1612.03928,
    eq. 1). Computed in float32 under mixed precision too.

    Args:
        feature: Feature map, (N, C, H, W).
        normalize: ``'column'``: L2 over the height of each column, as the authors'
            release does; ``'spatial'``: L2 over all pixels of an image; ``'rms'``:
            root mean square over the valid pixels, so that values do not depend
            on resolution.
        valid: 1 inside the images and 0 in the padding of the batch, (N, 1, H, W).
            Padding reads 0 in the map and does not count in the norm. Default: all
            pixels are valid.

    Returns:
        The map, (N, 1, H, W), float32 or float64.

    Raises:
        ValueError: If ``normalize`` is none of the three names.
    """
    maps = attention_row([[feature]], normalize, [valid])
    return maps[0].unflatten(-1, feature.shape[-2:])


def attention_row(
    models: Sequence[Sequence[Tensor]],
    normalize: str,
    valid: Sequence[Tensor | None],
) -> Tensor:
    """Attention maps of several models on all levels at once.

    Args:
        models: Features of each, one (N, C, H, W) a level; C may differ.
        normalize: As for :func:`attention_map`.
        valid: Masks of the padding, (N, 1, H, W), one a level; or None for each.

    Returns:
        The maps of each model, (M, N, 1, P), the levels in one row of pixels
        (:class:`.JoinedLevels`).

    Raises:
        ValueError: If ``normalize`` is none of the three names.
    """
    if normalize not in NORMALIZATIONS:
        known = ', '.join(NORMALIZATIONS)
        raise ValueError(f'normalize must be one of {known}, but got {normalize!r}')
    row = JoinedLevels(models[0])
    energy = torch.stack([row.join([*map(_energy, levels)]) for levels in models])
    inside = row.join_masks(valid)
    if inside is not None:
        energy = energy * inside
    if normalize == 'column':
        return row.join([F.normalize(x, dim=-2) for x in row.split(energy)])
    squares = energy.square()
    rms = normalize == 'rms'
    norms = row.averages(squares, inside) if rms else row.sums(squares)  # (M, N, 1, L)
    return energy * row.spread((norms + SMALLEST).rsqrt())


def _energy(feature: Tensor) -> Tensor:
    return _Energy.apply(full_precision(feature))


class _Energy(torch.autograd.Function):
    """``mean_c F_c^2``, (N, C, H, W) to (N, 1, H, W).

    The gradient, ``2 F / C``, takes one pass over the feature. To the last bit it is
    that of ``F.pow(2).mean(1)``, which takes several.
    """

    @staticmethod
    def forward(ctx: Any, feature: Tensor) -> Tensor:
        ctx.save_for_backward(feature)
        return feature.square().mean(dim=1, keepdim=True)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (feature,) = ctx.saved_tensors
        return feature * (gradient / (feature.shape[1] / 2))
