"""Knowledge distillation of softened logits."""

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class LogitKLLoss(nn.Module):
    """``w T^2 KL(softmax(teacher / T) || softmax(student / T))``, mean of the batch.

    Source: Hinton et al., arXiv 1503.02531, section 2; the factor T^2 keeps the
    gradient's size independent of T. Computed in float32.

    Args:
        temperature: T; 4 in the TSKD release.
        loss_weight: w; 1 in the TSKD release.
    """

    def __init__(self, temperature: float = 4.0, loss_weight: float = 1.0) -> None:
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
        if student.shape != teacher.shape:
            raise ValueError(
                'student and teacher logits must have one shape, but got '
                f'{tuple(student.shape)} and {tuple(teacher.shape)}: logits can only '
                'be compared when both models know the same classes'
            )
        divergence = F.kl_div(
            F.log_softmax(student.float() / self.temperature, dim=1),
            F.softmax(teacher.float() / self.temperature, dim=1),
            reduction='none',
        )
        return self.loss_weight * self.temperature**2 * divergence.sum(1).mean()
