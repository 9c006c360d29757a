"""ShuffleNet V2 for CIFAR, in the form of the distillation benchmarks."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor

from .cifar_shufflenet_v1 import channel_shuffle
from .cifar_stage_net import CIFARStageNet

_STEM_CHANNELS = 24
# Channels of the three stages and of the last 1x1 convolution.
_WIDTHS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (224, 488, 976, 2048),
}


class SplitUnit(nn.Module):
    """Transform half of the channels, keep the other half, shuffle.

    ``preact`` sees [kept, transformed before ReLU], in the order before the shuffle
    as in the benchmarks: output = shuffle(relu(preact)), since the kept half is
    not negative.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        channels = in_channels // 2
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(
            channels, channels, 3, padding=1, groups=channels, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.preact = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        kept, out = x.chunk(2, dim=1)
        out = F.relu(self.bn1(self.conv1(out)))
        out = self.bn2(self.conv2(out))
        out = self.bn3(self.conv3(out))
        out = self.preact(torch.cat([kept, out], dim=1))
        return channel_shuffle(F.relu(out), groups=2)


class DownUnit(nn.Module):
    """Two branches of stride 2, concatenated and shuffled."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        channels = out_channels // 2
        self.conv1 = nn.Conv2d(
            in_channels, in_channels, 3, 2, 1, groups=in_channels, bias=False
        )
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv2 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.conv4 = nn.Conv2d(channels, channels, 3, 2, 1, groups=channels, bias=False)
        self.bn4 = nn.BatchNorm2d(channels)
        self.conv5 = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn5 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        left = self.bn1(self.conv1(x))
        left = F.relu(self.bn2(self.conv2(left)))
        right = F.relu(self.bn3(self.conv3(x)))
        right = self.bn4(self.conv4(right))
        right = F.relu(self.bn5(self.conv5(right)))
        return channel_shuffle(torch.cat([left, right], dim=1), groups=2)


@MODELS.register_module()
class CIFARShuffleNetV2(CIFARStageNet):
    """ShuffleNet V2 for 32x32 images: 1x1 stem, three stages, last 1x1 convolution.

    Output (N, 1024, H / 8, W / 8) at width 1. Names and maths are those of
    ``ShuffleV2`` in RepDistiller and mdistiller, which keep PyTorch's default
    initial weights. Source: Ma et al. 2018, arXiv:1807.11164.

    Args:
        width: 0.5, 1.0, 1.5 or 2.0. Default: 1.0.
        init_cfg: Initialization config. Default: None.

    Raises:
        ValueError: If ``width`` is another number.
    """

    def __init__(self, width: float = 1.0, init_cfg: dict | None = None) -> None:
        if width not in _WIDTHS:
            raise ValueError(f'width must be one of {tuple(_WIDTHS)}, but got {width}')
        super().__init__(_STEM_CHANNELS, stem_kernel=1, init_cfg=init_cfg)
        widths = _WIDTHS[width]
        self.layer1 = self._stage(3, _STEM_CHANNELS, widths[0])
        self.layer2 = self._stage(7, widths[0], widths[1])
        self.layer3 = self._stage(3, widths[1], widths[2])
        self.conv2 = nn.Conv2d(widths[2], widths[3], 1, bias=False)
        self.bn2 = nn.BatchNorm2d(widths[3])

    @staticmethod
    def _stage(num_units: int, in_channels: int, out_channels: int) -> nn.Sequential:
        return nn.Sequential(
            DownUnit(in_channels, out_channels),
            *(SplitUnit(out_channels) for _ in range(num_units)),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to the one final feature map."""
        (x,) = super().forward(x)
        return (F.relu(self.bn2(self.conv2(x))),)
