"""MobileNetV2 for CIFAR, in the form of the distillation benchmarks."""

from functools import partial

import torch.nn as nn
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor
from torchvision.ops import Conv2dNormActivation

from .cifar_stage_net import init_fan_out

# Channels at width 1, number of blocks, stride of the first block.
_STAGES = (
    (16, 1, 1),
    (24, 2, 1),
    (32, 3, 2),
    (64, 4, 2),
    (96, 3, 1),
    (160, 3, 2),
    (320, 1, 1),
)


# Convolution, batch norm and ReLU, not in place: their outputs are taps.
_conv_bn_relu = partial(Conv2dNormActivation, inplace=False)


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1 without activation."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, expand_ratio: int
    ) -> None:
        super().__init__()
        channels = in_channels * expand_ratio
        self.conv = nn.Sequential(
            *_conv_bn_relu(in_channels, channels, 1),
            *_conv_bn_relu(channels, channels, 3, stride, groups=channels),
            nn.Conv2d(channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.has_shortcut else self.conv(x)


@MODELS.register_module()
class CIFARMobileNetV2(BaseModule):
    """MobileNetV2 for 32x32 images; output (N, 1280, H / 16, W / 16).

    Names and maths are those of ``mobile_half`` in RepDistiller and mdistiller:
    plain ReLU, a stem of stride 2, an expansion layer in every block. Taps, all
    existing modules: ``feature0`` is the stem, ``feature1 .. feature4`` the blocks
    1, 2, 4 and 6. Those outputs are linear, so ``preact*`` are the same modules.
    Source: Sandler et al. 2018, arXiv:1801.04381, table 2.

    Args:
        width_mult: Factor on all widths, rounded down; the last 1x1 convolution
            (1280 channels) only grows with it. Default: 0.5.
        expand_ratio: Expansion of all blocks but the first. Default: 6.
        init_cfg: Initialization config. Default: None.

    Raises:
        ValueError: If ``width_mult`` leaves a stage without channels.
    """

    def __init__(
        self,
        width_mult: float = 0.5,
        expand_ratio: int = 6,
        init_cfg: dict | None = None,
    ) -> None:
        if width_mult < 1 / 16:
            raise ValueError(f'width_mult must be at least 1/16, but got {width_mult}')
        super().__init__(init_cfg)
        in_channels = int(32 * width_mult)
        self.conv1 = _conv_bn_relu(3, in_channels, 3, stride=2)
        self.blocks = nn.ModuleList()
        for index, (width, num_blocks, first_stride) in enumerate(_STAGES):
            out_channels = int(width * width_mult)
            stage = nn.Sequential()
            for stride in (first_stride, *[1] * (num_blocks - 1)):
                stage.append(
                    InvertedResidual(
                        in_channels, out_channels, stride, expand_ratio if index else 1
                    )
                )
                in_channels = out_channels
            self.blocks.append(stage)
        self.conv2 = _conv_bn_relu(in_channels, int(1280 * max(width_mult, 1.0)), 1)
        init_fan_out(self)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to the one final feature map."""
        x = self.conv1(x)
        for stage in self.blocks:
            x = stage(x)
        return (self.conv2(x),)

    feature0 = preact0 = property(lambda self: self.conv1)
    feature1 = preact1 = property(lambda self: self.blocks[1])
    feature2 = preact2 = property(lambda self: self.blocks[2])
    feature3 = preact3 = property(lambda self: self.blocks[4])
    feature4 = preact4 = property(lambda self: self.blocks[6])
