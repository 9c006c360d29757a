"""Attention maps: where a feature map responds, whatever its channels."""

import torch
import torch.nn.functional as F
from torch import Tensor

NORMALIZATIONS = ('column', 'spatial', 'rms')


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
    feature = feature.to(torch.promote_types(feature.dtype, torch.float32))
    energy = feature.pow(2).mean(dim=1, keepdim=True)
    if valid is not None:
        energy = energy * valid
    if normalize == 'column':
        return F.normalize(energy, dim=2)
    if normalize == 'spatial':
        return F.normalize(energy.flatten(2), dim=2).view_as(energy)
    if normalize == 'rms':
        # The spatial norm is sqrt(number of pixels) times the root mean square.
        pixels = feature[0, 0].numel() if valid is None else _count(valid)
        return F.normalize(energy.flatten(2), dim=2).view_as(energy) * pixels**0.5
    raise ValueError(
        f'normalize must be one of {", ".join(NORMALIZATIONS)}, but got {normalize!r}'
    )


def _count(valid: Tensor) -> Tensor:
    return valid.sum(dim=(1, 2, 3), keepdim=True)
