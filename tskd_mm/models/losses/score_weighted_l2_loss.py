"""Features of the neck, weighted by where the teacher sees objects."""

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..heads.dense_heads import DenseHeads
from ..heads.dense_outputs import DenseOutputs
from .teacher_foreground import total


@MODELS.register_module()
class ScoreWeightedL2Loss(nn.Module):
    """``w sum_r c_r mean((student_r - teacher_r)^2) / sum_r c_r`` over all levels.

    c is the teacher's highest class score at pixel r, over classes and priors. Source:
    Du et al., "feature richness score", arXiv 2111.00674, section 3, its part on
    features; dividing by the sum of the scores is this project's.

    Where the necks differ in their number of channels, a 1x1 convolution, one for all
    levels, is trained with the student. It is not part of it.

    Args:
        student_channels: Channels of the student's neck, one a level. Given by the
            distiller.
        teacher_channels: The same of the teacher's.
        loss_weight: w.
    """

    compares = DenseHeads

    def __init__(
        self,
        student_channels: Sequence[int],
        teacher_channels: Sequence[int],
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        ours, theirs = student_channels[0], teacher_channels[0]
        same = ours == theirs
        self.adapter = nn.Identity() if same else nn.Conv2d(ours, theirs, 1)
        self.loss_weight = loss_weight

    def forward(
        self,
        student_neck: Sequence[Tensor],
        teacher_neck: Sequence[Tensor],
        teacher: Sequence[DenseOutputs],
        valid: Sequence[Tensor | None],
    ) -> Tensor:
        """Loss between the features of two necks.

        Args:
            student_neck: (N, C, H, W), one a level.
            teacher_neck: (N, C', H, W), one a level.
            teacher: Predictions of the teacher's head, one a level.
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W), one a level;
                the padding does not count. None where nothing is padded.

        Returns:
            Scalar.
        """
        errors, weights = [], []
        levels = zip(student_neck, teacher_neck, teacher, valid)
        for ours, theirs, predicted, mask in levels:
            weight = predicted.confidence.amax(dim=1)
            weight = weight if mask is None else weight * mask[:, 0]
            error = (self.adapter(ours) - theirs).square().mean(dim=1)
            errors.append((error * weight).sum())
            weights.append(weight)
        return self.loss_weight * torch.stack(errors).sum() / total(weights)
