"""Fuses a feature map with what came from the deeper levels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
