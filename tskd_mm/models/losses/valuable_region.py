"""Places next to the positives whose boxes are still worth learning."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import box_iou, distance_box_iou

CANDIDATES = 9  # of ATSS, on each level


def valuable_region(
    anchors: Sequence[Tensor],
    boxes: Tensor,
    gamma: float,
    valid: Sequence[Tensor | None],
) -> list[Tensor]:
    """Anchors whose DIoU with an object lies between ``gamma a`` and ``a``.

    ``a`` is the object's threshold in ATSS (arXiv 1912.02424, algorithm 1): mean plus
    deviation of the IoU of the 9 anchors of each level whose centres are nearest.
    Source: LD (arXiv 2102.12252, algorithm 1).

    Args:
        anchors: In pixels, (A, 4, H, W), one a level.
        boxes: Of the objects of one image in pixels, (G, 4).
        gamma: 0 lets the region reach farthest, 1 leaves nothing of it.
        valid: 1 inside the image and 0 in the padding, (1, H, W), one a level; anchors
            in the padding do not take part. None where nothing is padded.

    Returns:
        Whether an anchor belongs to it, (A, H, W), one a level.
    """
    inside = [*map(_inside, anchors, valid)]
    if len(boxes) == 0:
        return [torch.zeros_like(mask) for mask in inside]
    flat = [level.movedim(1, -1) for level in anchors]
    threshold = _threshold([x[mask] for x, mask in zip(flat, inside)], boxes)
    region = []
    for level, mask in zip(flat, inside):
        distance = distance_box_iou(level.reshape(-1, 4), boxes)
        near = (distance >= gamma * threshold) & (distance <= threshold)
        region.append(near.any(dim=1).view_as(mask) & mask)
    return region


def _inside(anchors: Tensor, valid: Tensor | None) -> Tensor:
    """Whether anchors are inside the image, (A, H, W)."""
    everywhere = torch.ones_like(anchors[:, 0], dtype=torch.bool)
    return everywhere if valid is None else everywhere & valid.bool()


def _threshold(anchors: Sequence[Tensor], boxes: Tensor) -> Tensor:
    """Of each object: (G)."""
    overlaps = []
    for level in anchors:
        distance = torch.cdist(_centres(level), _centres(boxes))
        nearest = distance.topk(min(CANDIDATES, len(level)), dim=0, largest=False)
        overlaps.append(box_iou(level, boxes).gather(0, nearest.indices))
    found = torch.cat(overlaps)
    return found.mean(dim=0) + found.std(dim=0)


def _centres(boxes: Tensor) -> Tensor:
    return (boxes[:, :2] + boxes[:, 2:]) / 2
