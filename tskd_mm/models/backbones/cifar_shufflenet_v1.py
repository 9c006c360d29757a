"""ShuffleNet V1 for CIFAR, in the form of the distillation benchmarks."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor

from .cifar_stage_net import CIFARStageNet

_STEM_CHANNELS = 24
# Channels of the first stage by number of groups; each further stage doubles them.
_WIDTHS = {2: 200, 3: 240}


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the channel groups of x (N, C, H, W): channel (g, c) -> (c, g)."""
    n, c, h, w = x.shape
    return x.reshape(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class ShuffleUnit(nn.Module):
    """Grouped 1x1, shuffle, depthwise 3x3, grouped 1x1, around a shortcut.

    With stride 2 the shortcut is average pooling and its channels are appended to
    the ``out_channels`` of the main path. ``preact`` sees the result before ReLU.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, groups: int
    ) -> None:
        super().__init__()
        channels = out_channels // 4
        # The stem is too thin to be grouped.
        self.groups = 1 if in_channels == _STEM_CHANNELS else groups
        self.stride = stride
        self.conv1 = nn.Conv2d(in_channels, channels, 1, groups=self.groups, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(
            channels, channels, 3, stride, 1, groups=channels, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, groups=groups, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.preact = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = channel_shuffle(out, self.groups)
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.stride == 2:
            out = torch.cat([out, F.avg_pool2d(x, 3, stride=2, padding=1)], dim=1)
        else:
            out = out + x
        return F.relu(self.preact(out))


@MODELS.register_module()
class CIFARShuffleNetV1(CIFARStageNet):
    """ShuffleNet V1 for 32x32 images: 1x1 stem, three stages of stride 2.

    Output (N, 960, H / 8, W / 8) for three groups. Names and maths are those of
    ``ShuffleV1`` in RepDistiller and mdistiller, which keep PyTorch's default
    initial weights. Source: Zhang et al. 2018, arXiv:1707.01083.

    Args:
        groups: Groups of the 1x1 convolutions, 2 or 3. Default: 3.
        init_cfg: Initialization config. Default: None.

    Raises:
        ValueError: If ``groups`` is another number.
    """

    def __init__(self, groups: int = 3, init_cfg: dict | None = None) -> None:
        if groups not in _WIDTHS:
            raise ValueError(
                f'groups must be one of {tuple(_WIDTHS)}, but got {groups}'
            )
        super().__init__(_STEM_CHANNELS, stem_kernel=1, init_cfg=init_cfg)
        width = _WIDTHS[groups]
        self.layer1 = self._stage(4, _STEM_CHANNELS, width, groups)
        self.layer2 = self._stage(8, width, 2 * width, groups)
        self.layer3 = self._stage(4, 2 * width, 4 * width, groups)

    @staticmethod
    def _stage(
        num_units: int, in_channels: int, out_channels: int, groups: int
    ) -> nn.Sequential:
        first = ShuffleUnit(in_channels, out_channels - in_channels, 2, groups)
        return nn.Sequential(
            first,
            *(
                ShuffleUnit(out_channels, out_channels, 1, groups)
                for _ in range(num_units - 1)
            ),
        )
