"""Attention transfer: the static feature loss."""

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.attention_map import attention_map


@MODELS.register_module()
class AttentionTransferLoss(nn.Module):
    """``w mean((A(student) - A(teacher))^2)`` of one level.

    Source: Zagoruyko and Komodakis, arXiv 1612.03928, eq. 2, with the squared
    distance of their released code. With ``'rms'`` maps the value is the squared
    distance of two unit vectors, between 0 and 2 whatever the resolution, and zeros
    in the padding of both features leave it as it is.

    Args:
        normalize: See :func:`~tskd_mm.models.features.attention_map.attention_map`.
        loss_weight: w; 0.1 with ``'rms'`` in the recipes of this project. The
            CIFAR-100 benchmark of mdistiller has 1000 with ``'spatial'``.
    """

    adapter = 'never'

    def __init__(self, normalize: str = 'rms', loss_weight: float = 1.0) -> None:
        super().__init__()
        self.normalize = normalize
        self.loss_weight = loss_weight

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Loss between two features of one level.

        Args:
            student: (N, C, H, W).
            teacher: (N, C', H, W); its channels may be others.

        Returns:
            Scalar.
        """
        return self.loss_weight * F.mse_loss(
            attention_map(student, self.normalize),
            attention_map(teacher, self.normalize),
        )
