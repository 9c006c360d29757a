"""Focal and global distillation for detectors."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.padding import spatial_log_softmax
from .box_masks import box_masks


@MODELS.register_module()
class FGDLoss(nn.Module):
    """Foreground, background, attention and relations of one level, each weighted.

    - focal: ``sum(S A^S A^C (teacher - student)^2)``, with the weights S of
      foreground or background pixels (:func:`.box_masks`) and the teacher's attention
      ``A^S = HW softmax(mean_c |F| / T)`` over pixels and ``A^C = C softmax(mean_hw |F|
      / T)`` over channels;
    - attention: L1 distance of both attentions of student and teacher;
    - global: ``sum((R_t(teacher) - R_s(student))^2)``, R a :class:`.GlobalContext`.

    Each is a mean of the batch. Source: Yang et al., arXiv 2111.11837,
    section 3.

    Args:
        teacher_channels: C, the channels of both features. Given by the distiller.
        temperature: T; 0.5 in the paper.
        foreground_weight: alpha; this and the other weights are those of the authors'
            release for RetinaNet R101 to R50.
        background_weight: beta.
        attention_weight: gamma.
        relation_weight: lambda.
    """

    adapter = 'needed'

    def __init__(
        self,
        teacher_channels: int,
        temperature: float = 0.5,
        foreground_weight: float = 1e-3,
        background_weight: float = 5e-4,
        attention_weight: float = 5e-4,
        relation_weight: float = 5e-6,
    ) -> None:
        super().__init__()
        self.student_context = GlobalContext(teacher_channels)
        self.teacher_context = GlobalContext(teacher_channels)
        self.temperature = temperature
        self.foreground_weight = foreground_weight
        self.background_weight = background_weight
        self.attention_weight = attention_weight
        self.relation_weight = relation_weight

    def forward(
        self,
        student: Tensor,
        teacher: Tensor,
        data_samples: Sequence[Any],
        valid: Tensor | None = None,
    ) -> Tensor:
        """Loss between two features of one level.

        Args:
            student: (N, C, H, W).
            teacher: (N, C, H, W).
            data_samples: N, with boxes, see :func:`.box_masks`.
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W); the padding
                does not count. Default: all pixels are valid.

        Returns:
            Scalar.
        """
        if valid is None:
            valid = teacher.new_ones(len(teacher), 1, *teacher.shape[-2:])
        foreground, background = box_masks(data_samples, teacher, valid)
        weight = (
            self.foreground_weight * foreground + self.background_weight * background
        )
        pixels, channels = self._attention(teacher, valid)
        error = (teacher - student).square() * pixels * channels
        loss = (error * weight).sum()
        own_pixels, own_channels = self._attention(student, valid)
        distance = (pixels - own_pixels).abs().sum()
        distance = distance + (channels - own_channels).abs().sum()
        loss = loss + self.attention_weight * distance
        relations = self._relations(student, teacher, valid)
        return (loss + self.relation_weight * relations) / len(student)

    def _attention(self, feature: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Over pixels, (N, 1, H, W), and over channels, (N, C, 1, 1)."""
        strength = feature.abs()
        count = valid.sum(dim=(2, 3), keepdim=True)
        mean = strength.mean(dim=1, keepdim=True) / self.temperature
        pixels = count * spatial_log_softmax(mean, valid).exp()
        mean = (strength * valid).sum(dim=(2, 3), keepdim=True) / count
        channels = feature.shape[1] * (mean / self.temperature).softmax(dim=1)
        return pixels, channels

    def _relations(self, student: Tensor, teacher: Tensor, valid: Tensor) -> Tensor:
        ours = self.student_context(student, valid)
        theirs = self.teacher_context(teacher, valid)
        return ((theirs - ours).square() * valid).sum()


class GlobalContext(nn.Module):
    """``F + W_2 ReLU(LN(W_1 sum_j softmax_j(W_k F) F_j))``: a GC block.

    All W are 1x1 convolutions; ``W_2`` starts at 0, so that the block starts as the
    identity. Source: GCNet (arXiv 1904.11492), as FGD (arXiv 2111.11837,
    section 3.2) uses it.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        middle = max(1, channels // 2)
        self.attend = nn.Conv2d(channels, 1, 1)
        self.transform = nn.Sequential(
            nn.Conv2d(channels, middle, 1),
            nn.LayerNorm([middle, 1, 1]),
            nn.ReLU(),
            nn.Conv2d(middle, channels, 1),
        )
        nn.init.kaiming_normal_(self.attend.weight, nonlinearity='relu')
        for parameter in (self.attend.bias, *self.transform[-1].parameters()):
            nn.init.zeros_(parameter)

    def forward(self, feature: Tensor, valid: Tensor | None = None) -> Tensor:
        """Add the context.

        Args:
            feature: (N, C, H, W).
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W); the padding
                is not looked at. Default: all pixels are valid.

        Returns:
            (N, C, H, W).
        """
        attention = spatial_log_softmax(self.attend(feature), valid).exp()
        context = torch.einsum('nchw,nhw->nc', feature, attention[:, 0])
        return feature + self.transform(context[..., None, None])
