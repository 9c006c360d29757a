"""Hints: the student's features, after a regressor, are to equal the teacher's."""

from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.padding import masked_mean


@MODELS.register_module()
class FitNetLoss(nn.Module):
    """``w mean((r(student) - teacher)^2)`` of one level, r a trained 1x1 convolution.

    Source: Romero et al., arXiv 1412.6550, eq. 3, as a mean instead of half a sum. The
    convolution is the adapter, made for this loss where the channels agree too.

    Args:
        loss_weight: w; the paper has none. The CIFAR-100 benchmark of mdistiller has
            100, on stage 2 alone, with ``norm_relu``. Without it that weight diverges
            in the first steps.
        norm_relu: Batch norm and ReLU follow the convolution, as in mdistiller. For
            features after a ReLU and images without padding: those of classifiers.
        teacher_channels: C, for the batch norm. Given by the distiller.
    """

    adapter = 'always'

    def __init__(
        self,
        loss_weight: float = 1.0,
        norm_relu: bool = False,
        teacher_channels: int = 1,
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.activation: nn.Module = nn.Identity()
        if norm_relu:
            norm = nn.BatchNorm2d(teacher_channels)
            self.activation = nn.Sequential(norm, nn.ReLU())

    def forward(
        self, student: Tensor, teacher: Tensor, valid: Tensor | None = None
    ) -> Tensor:
        """Loss between two features of one level.

        Args:
            student: After the convolution, (N, C, H, W).
            teacher: (N, C, H, W).
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W). Default: all
                pixels are valid.

        Returns:
            Scalar. Without ``norm_relu`` an image counts the same whatever it was
            batched with.
        """
        error = (self.activation(student) - teacher).square()
        return self.loss_weight * masked_mean(error.mean(dim=1, keepdim=True), valid)
