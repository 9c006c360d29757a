"""Distillation from a stronger teacher: relations of the scores, not their values."""

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.full_precision import full_precision
from .logits import check_same_classes


@MODELS.register_module()
class DISTLoss(nn.Module):
    """``w T^2 (inter + intra)``: Pearson distances between two models' scores.

    With ``p = softmax(logits / T)``, ``inter`` is the mean over the images i of ``1 -
    corr(p_student[i], p_teacher[i])``, among the classes of an image, and ``intra`` the
    mean over the classes k of ``1 - corr(p_student[:, k], p_teacher[:, k])``, among the
    images of a batch. The student need not copy the teacher's values.

    Source: Huang et al., arXiv 2205.10536, section 4; both parts with weight 1 and the
    epsilon as in the authors' release. Computed in float32 or float64.

    Args:
        temperature: T; in the release 1 for ImageNet and 4 for CIFAR-100.
        loss_weight: w; 2 in the release.
    """

    activation = 'softmax'

    def __init__(self, temperature: float = 1.0, loss_weight: float = 2.0) -> None:
        super().__init__()
        self.temperature = temperature
        self.loss_weight = loss_weight

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Loss between logits.

        Args:
            student: (N, K).
            teacher: (N, K).

        Returns:
            Scalar.

        Raises:
            ValueError: If the shapes differ.
        """
        check_same_classes(student, teacher)
        ours = F.softmax(full_precision(student) / self.temperature, dim=1)
        theirs = F.softmax(full_precision(teacher) / self.temperature, dim=1)
        distance = _pearson_distance(ours, theirs) + _pearson_distance(ours.T, theirs.T)
        return self.loss_weight * self.temperature**2 * distance


def _pearson_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """1 minus the correlation of two rows, mean over the rows: (R, C) to a scalar."""
    student = student - student.mean(1, keepdim=True)
    teacher = teacher - teacher.mean(1, keepdim=True)
    # A class that no image of the batch looks like hardly counts.
    norms = student.norm(dim=1) * teacher.norm(dim=1) + 1e-8
    return 1 - ((student * teacher).sum(1) / norms).mean()
