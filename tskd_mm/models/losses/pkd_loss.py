"""Distillation by the Pearson correlation of features."""

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class PKDLoss(nn.Module):
    """``w mean((z(student) - z(teacher))^2) / 2`` of one level.

    ``z`` standardises each channel over all pixels of the batch, so that the value is
    1 minus the Pearson correlation of the channels. Source: Cao et al., arXiv
    2207.02039, section 3; deviation (unbiased) and epsilon as in mmrazor.

    Args:
        loss_weight: w; in mmrazor's recipes 10 for RetinaNet and 6 for Faster R-CNN.
    """

    def __init__(self, loss_weight: float = 10.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(
        self, student: Tensor, teacher: Tensor, valid: Tensor | None = None
    ) -> Tensor:
        """Loss between two features of one level.

        Args:
            student: (N, C, H, W).
            teacher: (N, C, H, W).
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W); the padding
                does not count. Default: all pixels are valid.

        Returns:
            Scalar.
        """
        if valid is None:
            valid = torch.ones_like(student[:, :1])
        error = (_standardize(student, valid) - _standardize(teacher, valid)).square()
        mean = (error * valid).sum() / (valid.sum() * student.shape[1])
        return self.loss_weight * mean / 2


def _standardize(feature: Tensor, valid: Tensor) -> Tensor:
    """Mean 0 and deviation 1 for each channel, over the valid pixels of the batch."""
    dims, count = (0, 2, 3), valid.sum()
    mean = (feature * valid).sum(dims, keepdim=True) / count
    centred = feature - mean
    squares = (centred.square() * valid).sum(dims, keepdim=True)
    variance = squares / (count - 1).clamp(min=1)
    # A constant channel must not get an infinite gradient from the square root.
    deviation = variance.clamp(min=torch.finfo(variance.dtype).tiny).sqrt()
    return centred / (deviation + 1e-6)
