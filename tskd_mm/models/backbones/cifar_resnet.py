"""CIFAR ResNets with basic blocks."""

import torch.nn as nn
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor

from .cifar_stage_net import CIFARStageNet, init_fan_out


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Shortcut B: identity if the shapes agree, else 1x1 convolution + BN."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
        nn.BatchNorm2d(out_channels),
    )


class PadShortcut(nn.Module):
    """Shortcut A: drop pixels, then pad channels with zeros on both sides.

    (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        before = (out_channels - in_channels) // 2
        self.padding = (before, out_channels - in_channels - before)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(
            x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, *self.padding)
        )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut. ``preact`` sees the sum before ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, shortcut: nn.Module
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = shortcut
        self.preact = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(self.preact(out + self.downsample(x)))


@MODELS.register_module()
class CIFARResNet(CIFARStageNet):
    """ResNet for 32x32 images: 3x3 stem, three stages of basic blocks.

    Names and maths are those of the CIFAR distillation benchmarks (RepDistiller,
    mdistiller); ``shortcut='A'`` is the paper's own form and has the names of
    akamaster/pytorch_resnet_cifar10. Source: He et al. 2016, arXiv:1512.03385, 4.2.

    Args:
        depth: Number of weighted layers, 6n + 2. Default: 20.
        widths: Channels of the stem and the three stages. Default:
            (16, 16, 32, 64); (32, 64, 128, 256) gives the "x4" nets.
        shortcut: 'B' projects with 1x1 convolution + BN where the shape changes,
            'A' subsamples and pads with zero channels. Default: 'B'.
        init_cfg: Initialization config. Default: None.

    Raises:
        ValueError: If ``depth`` is not 6n + 2, ``widths`` has not four entries,
            ``shortcut`` is unknown, or ``widths`` shrink under shortcut 'A'.
    """

    def __init__(
        self,
        depth: int = 20,
        widths: tuple[int, int, int, int] = (16, 16, 32, 64),
        shortcut: str = 'B',
        init_cfg: dict | None = None,
    ) -> None:
        self._check(depth, widths, shortcut)
        super().__init__(widths[0], stem_kernel=3, init_cfg=init_cfg)
        num_blocks = (depth - 2) // 6
        self.layer1 = self._stage(num_blocks, widths[0], widths[1], 1, shortcut)
        self.layer2 = self._stage(num_blocks, widths[1], widths[2], 2, shortcut)
        self.layer3 = self._stage(num_blocks, widths[2], widths[3], 2, shortcut)
        init_fan_out(self)

    @staticmethod
    def _stage(
        num_blocks: int, in_channels: int, out_channels: int, stride: int, shortcut: str
    ) -> nn.Sequential:
        make_shortcut = PadShortcut if shortcut == 'A' else projection
        first = BasicBlock(
            in_channels,
            out_channels,
            stride,
            make_shortcut(in_channels, out_channels, stride),
        )
        rest = (
            BasicBlock(out_channels, out_channels, 1, nn.Identity())
            for _ in range(num_blocks - 1)
        )
        return nn.Sequential(first, *rest)

    @staticmethod
    def _check(depth: int, widths: tuple[int, ...], shortcut: str) -> None:
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(
                f'depth must be 6n + 2 with n >= 1 (8, 14, 20, ...), but got {depth}'
            )
        if len(widths) != 4:
            raise ValueError(
                'widths must hold 4 channel counts (stem and three '
                f'stages), but got {widths}'
            )
        if shortcut not in ('A', 'B'):
            raise ValueError(f"shortcut must be 'A' or 'B', but got {shortcut!r}")
        if shortcut == 'A' and list(widths) != sorted(widths):
            raise ValueError(
                "widths must not shrink with shortcut='A', which can only "
                f'add channels, but got {widths}'
            )
