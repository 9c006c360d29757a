"""Masked generative distillation: the whole teacher from a part of the student."""

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class MGDLoss(nn.Module):
    """``w / N sum((teacher - G(M student))^2)`` of one level.

    ``M`` blanks random pixels, others in every step; ``G`` is a trained 3x3
    convolution, ReLU, 3x3 convolution. Source: Yang et al., arXiv 2205.01529,
    section 3. As in the paper the sum grows with the size of the map.

    Args:
        teacher_channels: C, the channels of both features. Given by the distiller.
        mask_ratio: Share of the pixels that is blanked; 0.65 in the authors' release
            for one-stage detectors, 0.45 for two-stage detectors.
        loss_weight: w; 2e-5 in the release for one-stage detectors, 5e-7 for two-stage
            detectors.
    """

    adapter = 'needed'

    def __init__(
        self,
        teacher_channels: int,
        mask_ratio: float = 0.65,
        loss_weight: float = 2e-5,
    ) -> None:
        super().__init__()
        self.generation = nn.Sequential(
            nn.Conv2d(teacher_channels, teacher_channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(teacher_channels, teacher_channels, 3, padding=1),
        )
        self.mask_ratio = mask_ratio
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
        kept = torch.rand_like(student[:, :1]) >= self.mask_ratio
        error = (self.generation(student * kept) - teacher).square()
        if valid is not None:
            error = error * valid
        return self.loss_weight * error.sum() / len(student)
