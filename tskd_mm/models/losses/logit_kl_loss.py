"""Knowledge distillation of softened logits."""

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.full_precision import full_precision
from .logits import check_same_classes, standardize


@MODELS.register_module()
class LogitKLLoss(nn.Module):
    """``w T^2 KL(softmax(teacher / T) || softmax(student / T))``, mean of the batch.

    Source: Hinton et al., arXiv 1503.02531, section 2; the factor T^2 keeps the
    gradient's size independent of T. Computed in float32 or float64.

    Args:
        temperature: T; 4 in the TSKD release.
        loss_weight: w; 1 in the TSKD release. The CIFAR-100 benchmark of mdistiller
            has 0.9 next to a task loss of weight 0.1.
        standardize: Compare the logits' Z-scores, so that the student need not copy the
            scale of the teacher's logits (Sun et al., arXiv 2403.01427). Their release
            then sets T = 2 and w = 9.
    """

    activation = 'softmax'

    def __init__(
        self,
        temperature: float = 4.0,
        loss_weight: float = 1.0,
        standardize: bool = False,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.standardize = standardize
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
        student, teacher = full_precision(student), full_precision(teacher)
        if self.standardize:
            student, teacher = standardize(student), standardize(teacher)
        divergence = F.kl_div(
            F.log_softmax(student / self.temperature, dim=1),
            F.softmax(teacher / self.temperature, dim=1),
            reduction='none',
        )
        return self.loss_weight * self.temperature**2 * divergence.sum(1).mean()
