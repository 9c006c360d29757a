"""Channel-wise distillation: where each channel looks."""

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.padding import spatial_log_softmax


@MODELS.register_module()
class CWDLoss(nn.Module):
    """``w T^2 / C sum_c KL(p_c(teacher) || p_c(student))`` of one level.

    ``p_c = softmax(F_c / T)`` over the pixels of channel c; mean of the batch. Source:
    Shu et al., arXiv 2011.13256, section 3.

    Args:
        temperature: T; 1 in mmrazor's recipe for RetinaNet R101 to R50.
        loss_weight: w; 10 in that recipe.
    """

    adapter = 'needed'

    def __init__(self, temperature: float = 1.0, loss_weight: float = 10.0) -> None:
        super().__init__()
        self.temperature = temperature
        self.loss_weight = loss_weight

    def forward(
        self, student: Tensor, teacher: Tensor, valid: Tensor | None = None
    ) -> Tensor:
        """Loss between two features of one level.

        Args:
            student: (N, C, H, W).
            teacher: (N, C, H, W).
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W); the padding
                is not looked at. Default: all pixels are valid.

        Returns:
            Scalar.
        """
        divergence = F.kl_div(
            spatial_log_softmax(student / self.temperature, valid),
            spatial_log_softmax(teacher / self.temperature, valid),
            reduction='sum',
            log_target=True,
        )
        channels = student.shape[0] * student.shape[1]
        return self.loss_weight * self.temperature**2 * divergence / channels
