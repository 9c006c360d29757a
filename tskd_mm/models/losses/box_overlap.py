"""How much two boxes of one prior overlap.

The host's own functions call two equal boxes without area disjoint. Heads whose
distances can be 0 (FCOS) predict such boxes, and a teacher is to agree with itself.
"""

import torch
from torch import Tensor

EPSILON = 1e-6  # square pixels


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes, one by one.

    Args:
        a: Corners (x1, y1, x2, y2) in pixels, (N, A, 4, H, W).
        b: The same.

    Returns:
        (N, A, H, W); 1 for equal boxes, those without area too.
    """
    overlap, union = _areas(a, b)
    return (overlap + EPSILON) / (union + EPSILON)


def generalized_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU less the part of the hull that neither box covers; from -1 to 1.

    Source: Rezatofighi et al., arXiv 1902.09630, algorithm 1. Arguments and shapes are
    those of :func:`box_iou`.
    """
    overlap, union = _areas(a, b)
    low = torch.minimum(a[:, :, :2], b[:, :, :2])
    high = torch.maximum(a[:, :, 2:], b[:, :, 2:])
    hull = _area(low, high)
    iou = (overlap + EPSILON) / (union + EPSILON)
    return iou - (hull - union) / (hull + EPSILON)


def _areas(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Of intersection and union."""
    low = torch.maximum(a[:, :, :2], b[:, :, :2])
    high = torch.minimum(a[:, :, 2:], b[:, :, 2:])
    overlap = _area(low, high)
    both = _area(a[:, :, :2], a[:, :, 2:]) + _area(b[:, :, :2], b[:, :, 2:])
    return overlap, both - overlap


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(dim=2)
