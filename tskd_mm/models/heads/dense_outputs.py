"""What a dense head predicts on one level."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass
class DenseOutputs:
    """Predictions for N images with A priors at each of H x W pixels.

    Attributes:
        logits: Of the sigmoid scores of K classes, (N, A, K, H, W). Where a head ranks
            its boxes by a product of a class score and an objectness (YOLOX) they are
            those of the product, as that is what it was trained to predict everywhere.
        boxes: Corners (x1, y1, x2, y2) in pixels of the batch's images,
            (N, A, 4, H, W); differentiable.
        quality: Logits of the centerness, the IoU or the objectness, (N, A, 1, H, W),
            where the head has one.
        bins: Logits of the distances to the four sides over the R bins of a
            distribution, (N, A, 4, R, H, W), where the head has one.
    """

    logits: Tensor
    boxes: Tensor
    quality: Tensor | None = None
    bins: Tensor | None = None

    def of_classes(self, indices: list[int] | None) -> 'DenseOutputs':
        """The same with some of the classes; None keeps all."""
        if indices is None:
            return self
        return replace(self, logits=self.logits[:, :, indices])

    @property
    def confidence(self) -> Tensor:
        """The highest of the class scores, (N, A, H, W)."""
        return self.logits.sigmoid().amax(dim=2)


def boxes_around(points: Tensor, distances: Tensor) -> Tensor:
    """Boxes by the distances of their sides from points.

    Args:
        points: (x, y) in pixels, (A, 2, H, W).
        distances: To left, top, right and bottom in pixels, (N, A, 4, H, W).

    Returns:
        (N, A, 4, H, W).
    """
    return torch.cat(
        [points - distances[:, :, :2], points + distances[:, :, 2:]], dim=2
    )
