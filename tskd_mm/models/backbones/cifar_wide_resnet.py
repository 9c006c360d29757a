"""Wide ResNets for CIFAR, in the form of the distillation benchmarks."""

from collections import OrderedDict

import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor

from .cifar_stage_net import init_fan_out


class WideBlock(nn.Module):
    """Pre-activation block: BN, ReLU, 3x3 convolution, twice, plus the shortcut.

    A block that changes the channel count projects its *activated* input.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, dropout: float
    ) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.convShortcut = None
        if in_channels != out_channels:
            self.convShortcut = nn.Conv2d(
                in_channels, out_channels, 1, stride, bias=False
            )

    def forward(self, x: Tensor) -> Tensor:
        # Not in place: bn1's output is a tap.
        out = F.relu(self.bn1(x))
        shortcut = x if self.convShortcut is None else self.convShortcut(out)
        out = self.dropout(F.relu(self.bn2(self.conv1(out))))
        return shortcut + self.conv2(out)


@MODELS.register_module()
class CIFARWideResNet(BaseModule):
    """WRN-depth-widen_factor for 32x32 images; output (N, 64 * widen_factor, H/4, W/4).

    The last BN and ReLU belong to the output. Names and maths are those of
    RepDistiller and mdistiller. Taps, all existing modules: ``feature0`` is the stem
    convolution and ``feature1 .. feature3`` the stages, raw sums as in the
    benchmarks (the net has no ReLU there); ``preact1 .. preact3`` is the BN that
    reads each of them, ``preact0`` the stem.
    Source: Zagoruyko & Komodakis 2016, arXiv:1605.07146.

    Args:
        depth: Number of weighted layers, 6n + 4.
        widen_factor: Factor on the stage widths 16, 32, 64.
        dropout: Dropout probability between a block's convolutions. Default: 0.0.
        init_cfg: Initialization config. Default: None.

    Raises:
        ValueError: If ``depth`` is not 6n + 4 or ``widen_factor`` is below 1.
    """

    def __init__(
        self,
        depth: int,
        widen_factor: int,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(
                f'depth must be 6n + 4 with n >= 1 (10, 16, 22, ...), but got {depth}'
            )
        if widen_factor < 1:
            raise ValueError(f'widen_factor must be at least 1, but got {widen_factor}')
        super().__init__(init_cfg)
        num_blocks = (depth - 4) // 6
        widths = [16 * widen_factor, 32 * widen_factor, 64 * widen_factor]
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.block1 = self._stage(num_blocks, 16, widths[0], 1, dropout)
        self.block2 = self._stage(num_blocks, widths[0], widths[1], 2, dropout)
        self.block3 = self._stage(num_blocks, widths[1], widths[2], 2, dropout)
        self.bn1 = nn.BatchNorm2d(widths[2])
        init_fan_out(self)

    @staticmethod
    def _stage(
        num_blocks: int,
        in_channels: int,
        out_channels: int,
        stride: int,
        dropout: float,
    ) -> nn.Sequential:
        first = WideBlock(in_channels, out_channels, stride, dropout)
        rest = (
            WideBlock(out_channels, out_channels, 1, dropout)
            for _ in range(num_blocks - 1)
        )
        # The benchmark's parameter names have this level: block1.layer.0.bn1.
        return nn.Sequential(OrderedDict(layer=nn.Sequential(first, *rest)))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to the one final feature map."""
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return (F.relu(self.bn1(x)),)

    feature0 = preact0 = property(lambda self: self.conv1)
    feature1 = property(lambda self: self.block1)
    feature2 = property(lambda self: self.block2)
    feature3 = property(lambda self: self.block3)
    preact1 = property(lambda self: self.block2.layer[0].bn1)
    preact2 = property(lambda self: self.block3.layer[0].bn1)
    preact3 = property(lambda self: self.bn1)
