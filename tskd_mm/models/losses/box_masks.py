"""Which pixels of a feature map show objects."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def box_masks(
    data_samples: Sequence[Any], like: Tensor, valid: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Weights of foreground and background pixels.

    Source: FGD (arXiv 2111.11837, section 3.1): a pixel of a box weighs 1 / (height x
    width of the box), where boxes overlap that of the smallest; every other pixel
    weighs 1 / (number of background pixels of its image). A box has the pixels that
    it touches.

    Args:
        data_samples: One per image, with ``gt_instances.bboxes`` (x1, y1, x2, y2) in
            pixels of the batch's images, and ``batch_input_shape``.
        like: A feature map, (N, C, H, W).
        valid: 1 inside the images and 0 in the padding, (N, 1, H, W); the padding
            is not background. Default: all pixels are valid.

    Returns:
        Foreground and background, each (N, 1, H, W).

    Raises:
        ValueError: If the samples have no boxes.
    """
    size = like.shape[-2:]
    foreground = torch.stack(
        [_one_image(sample, size).to(like) for sample in data_samples]
    ).unsqueeze(1)
    background = (foreground == 0).to(like)
    if valid is not None:
        background = background * valid
    count = background.sum(dim=(1, 2, 3), keepdim=True)
    return foreground, background / count.clamp(min=1)


def _one_image(sample: Any, size: Sequence[int]) -> Tensor:
    boxes = object_boxes(sample)
    height, width = sample.batch_input_shape
    rows = _touched(boxes[:, 1] / height, boxes[:, 3] / height, size[0])
    columns = _touched(boxes[:, 0] / width, boxes[:, 2] / width, size[1])
    inside = (rows[:, :, None] & columns[:, None, :]).float()
    area = inside.sum(dim=(1, 2), keepdim=True)
    nothing = inside.new_zeros(1, *size)  # an image may be without boxes
    return torch.cat([nothing, inside / area.clamp(min=1)]).amax(0)


def _touched(start: Tensor, stop: Tensor, cells: int) -> Tensor:
    """Cells that each interval touches, at least one: (boxes, cells)."""
    first = (start * cells).floor().clamp(max=cells - 1)[:, None]
    last = ((stop * cells).ceil()[:, None] - 1).maximum(first)
    index = torch.arange(cells, device=start.device)
    return (index >= first) & (index <= last)


def object_boxes(sample: Any) -> Tensor:
    """Corners of the objects of one image in pixels, (boxes, 4).

    Args:
        sample: With ``gt_instances.bboxes``.

    Raises:
        ValueError: If the sample has none.
    """
    boxes = getattr(getattr(sample, 'gt_instances', None), 'bboxes', None)
    if boxes is None:
        raise ValueError(
            'a loss needs the boxes of the objects (gt_instances.bboxes), but a '
            f'{type(sample).__name__} of the batch has none: use FGDLoss and LDLoss '
            'with detectors alone'
        )
    return getattr(boxes, 'tensor', boxes)  # mmdet's box structures hold one
