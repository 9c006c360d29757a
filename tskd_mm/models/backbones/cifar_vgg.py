"""VGG with batch normalisation for CIFAR, in the form of the benchmarks."""

import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor

from .cifar_stage_net import init_fan_out

_CONVS_PER_BLOCK = {8: 1, 13: 2}


@MODELS.register_module()
class CIFARVGG(BaseModule):
    """VGG for 32x32 images: five blocks; output (N, 512, 4, 4) at 32x32.

    Each block ends in BN, its ReLU follows outside, pooling after the ReLU. Names
    and maths are those of ``vgg8_bn`` and ``vgg13_bn`` in RepDistiller and
    mdistiller. Taps: ``feature0 .. feature4`` after and ``preact1 .. preact4``
    before each block's ReLU, both before pooling; ``preact0`` is ``feature0``.
    Source: Simonyan & Zisserman 2015, arXiv:1409.1556.

    Args:
        depth: 8 (one convolution per block) or 13 (two).
        init_cfg: Initialization config. Default: None.

    Raises:
        ValueError: If ``depth`` is another number.
    """

    def __init__(self, depth: int, init_cfg: dict | None = None) -> None:
        if depth not in _CONVS_PER_BLOCK:
            raise ValueError(
                f'depth must be one of {tuple(_CONVS_PER_BLOCK)}, but got {depth}'
            )
        super().__init__(init_cfg)
        num_convs = _CONVS_PER_BLOCK[depth]
        self.block0 = self._block(num_convs, 3, 64)
        self.block1 = self._block(num_convs, 64, 128)
        self.block2 = self._block(num_convs, 128, 256)
        self.block3 = self._block(num_convs, 256, 512)
        self.block4 = self._block(num_convs, 512, 512)
        self.feature0 = nn.ReLU()
        self.feature1 = nn.ReLU()
        self.feature2 = nn.ReLU()
        self.feature3 = nn.ReLU()
        self.feature4 = nn.ReLU()
        init_fan_out(self)

    @staticmethod
    def _block(num_convs: int, in_channels: int, out_channels: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for _ in range(num_convs):
            layers += [
                nn.Conv2d(in_channels, out_channels, 3, padding=1),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(),
            ]
            in_channels = out_channels
        return nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to the one final feature map."""
        height = x.shape[2]
        x = F.max_pool2d(self.feature0(self.block0(x)), 2)
        x = F.max_pool2d(self.feature1(self.block1(x)), 2)
        x = F.max_pool2d(self.feature2(self.block2(x)), 2)
        x = self.feature3(self.block3(x))
        # The benchmarks pool a fourth time for Tiny-ImageNet's 64x64 images only.
        if height == 64:
            x = F.max_pool2d(x, 2)
        return (self.feature4(self.block4(x)),)

    preact0 = property(lambda self: self.feature0)
    preact1 = property(lambda self: self.block1)
    preact2 = property(lambda self: self.block2)
    preact3 = property(lambda self: self.block3)
    preact4 = property(lambda self: self.block4)
