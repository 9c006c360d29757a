"""Attention transfer: the static feature loss."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.attention_map import attention_row
from ..features.joined_levels import JoinedLevels


@MODELS.register_module()
class AttentionTransferLoss(nn.Module):
    """``w mean((A(student) - A(teacher))^2)`` of a level, summed over the levels.

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
    takes_pyramid = True
    masks_padding = True

    def __init__(self, normalize: str = 'rms', loss_weight: float = 1.0) -> None:
        super().__init__()
        self.normalize = normalize
        self.loss_weight = loss_weight

    def forward(
        self,
        student: Tensor | Sequence[Tensor],
        teacher: Tensor | Sequence[Tensor],
        valid: Sequence[Tensor | None] = (),
    ) -> Tensor:
        """Sum of the losses between two features of each level.

        Args:
            student: (N, C, H, W), or one a level.
            teacher: (N, C', H, W), or one a level; its channels may be others.
            valid: Masks of the padding, (N, 1, H, W) or None, one a level; features
                count as 0 in the padding. Default: all pixels are valid.

        Returns:
            Scalar.
        """
        models = [_levels(student), _levels(teacher)]
        row = JoinedLevels(models[0])
        maps = attention_row(models, self.normalize, valid)
        errors = F.mse_loss(maps[0], maps[1].detach(), reduction='none')
        means = row.means(errors, row.join_masks(valid))
        return self.loss_weight * means.mean()


def _levels(features: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    return [features] if isinstance(features, Tensor) else features
