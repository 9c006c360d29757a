"""ReviewKD: every level of the teacher from the student's deeper levels."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

POOLED_SIZES = (4, 2, 1)


@MODELS.register_module()
class ReviewKDLoss(nn.Module):
    """``w sum_l HCL(fused_l, teacher_l)``, all levels in one loss.

    From the deepest level to the first, each student feature is fused with what the
    deeper ones handed on (:class:`.AttentionFusion`) and compared with the teacher's
    feature of that level. ``HCL`` is a mean of squared errors, weighted 1, 1/2, 1/4,
    1/8, of the maps themselves and of the maps pooled to 4x4, 2x2 and 1x1.

    Source: Chen et al., arXiv 2104.09044, section 3; sizes as in the authors' release.

    Args:
        student_channels: Channels of the student's levels. Given by the distiller.
        teacher_channels: Channels of the teacher's levels. Given by the distiller.
        pooled_level: Take the last level's activations, averaged over the image, as one
            more level; so does the release with classifiers.
        loss_weight: w; 1 in the release for RetinaNet R101 to R50, and 0.6 for ResNet56
            to ResNet20 on CIFAR-100, where it rises from 0 in the first 20 epochs, see
            :class:`~tskd_mm.engine.hooks.loss_weight_hook.LossWeightHook`.
    """

    adapter = 'never'
    takes_pyramid = True

    def __init__(
        self,
        student_channels: Sequence[int],
        teacher_channels: Sequence[int],
        pooled_level: bool = False,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        pairs = [*zip(student_channels, teacher_channels)]
        if pooled_level:
            pairs.append(pairs[-1])
        middle = min(512, student_channels[-1])
        self.fusions = nn.ModuleList(
            AttentionFusion(ours, middle, theirs, fuse=level < len(pairs))
            for level, (ours, theirs) in enumerate(pairs, start=1)
        )
        self.pooled_level = pooled_level
        self.loss_weight = loss_weight

    def forward(
        self,
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        valid: Sequence[Tensor | None] | None = None,
    ) -> Tensor:
        """Loss between two pyramids.

        Args:
            student: From shallow to deep, each (N, C, H, W).
            teacher: Each (N, C', H, W).
            valid: For each level 1 inside the images and 0 in the padding,
                (N, 1, H, W), or None. Default: all pixels are valid.

        Returns:
            Scalar.
        """
        masks = [*(valid or [None] * len(student))]
        if self.pooled_level:
            student, teacher = _with_pooled(student), _with_pooled(teacher)
            masks.append(None)
        losses, deeper = [], None
        for level in reversed(range(len(student))):
            output, deeper = self.fusions[level](student[level], deeper)
            losses.append(_hcl(output, teacher[level], masks[level]))
        return self.loss_weight * torch.stack(losses).sum()


def _with_pooled(levels: Sequence[Tensor]) -> list[Tensor]:
    # The teacher's level may be taken before its last ReLU.
    return [*levels, levels[-1].relu().mean(dim=(2, 3), keepdim=True)]


def _hcl(student: Tensor, teacher: Tensor, valid: Tensor | None) -> Tensor:
    """Hierarchical context loss of one level."""
    if valid is not None:
        student, teacher = student * valid, teacher * valid
    loss, weight, total = F.mse_loss(student, teacher), 1.0, 1.0
    for size in POOLED_SIZES:
        if size < min(student.shape[-2:]):
            weight /= 2
            total += weight
            loss = loss + weight * F.mse_loss(
                F.adaptive_avg_pool2d(student, size),
                F.adaptive_avg_pool2d(teacher, size),
            )
    return loss / total


class AttentionFusion(nn.Module):
    """``x = z_1 f(feature) + z_2 deeper`` and its projection to the teacher's channels.

    ``f`` is a 1x1 convolution, ``z = sigmoid(conv([f(feature), deeper]))`` weighs both
    at every pixel, the projection is a 3x3 convolution; both convolutions with batch
    norm. Source: ReviewKD (arXiv 2104.09044, section 3).

    Args:
        in_channels: Channels of the feature map.
        mid_channels: Channels of what is handed from level to level.
        out_channels: Channels of the projection.
        fuse: False at the deepest level, to which nothing is handed.
    """

    def __init__(
        self, in_channels: int, mid_channels: int, out_channels: int, fuse: bool
    ) -> None:
        super().__init__()
        self.reduce = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, 1, bias=False),
            nn.BatchNorm2d(mid_channels),
        )
        self.project = nn.Sequential(
            nn.Conv2d(mid_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.weigh = nn.Conv2d(2 * mid_channels, 2, 1) if fuse else None
        for convolution in (self.reduce[0], self.project[0]):
            nn.init.kaiming_uniform_(convolution.weight, a=1)

    def forward(self, feature: Tensor, deeper: Tensor | None) -> tuple[Tensor, Tensor]:
        """Fuse one level.

        Args:
            feature: (N, C, H, W).
            deeper: What the next deeper level handed on, (N, M, H', W'); None at the
                deepest.

        Returns:
            The projection, (N, C', H, W), and what to hand on, (N, M, H, W).
        """
        fused = _through(self.reduce, feature)
        if self.weigh is not None:
            deeper = F.interpolate(deeper, fused.shape[-2:])  # nearest pixel
            weights = self.weigh(torch.cat([fused, deeper], dim=1)).sigmoid()
            fused = fused * weights[:, :1] + deeper * weights[:, 1:]
        return _through(self.project, fused), fused


def _through(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Convolution and batch norm.

    One value a channel, a pooled level of a single image, has no variance: there the
    running statistics serve.
    """
    convolution, norm = layers
    x = convolution(x)
    if x.numel() > x.shape[1]:
        return norm(x)
    weights = norm.running_mean, norm.running_var, norm.weight, norm.bias
    return F.batch_norm(x, *weights, eps=norm.eps)
