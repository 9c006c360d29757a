"""The CIFAR benchmark's ``ResNet50``: ImageNet stages behind a 3x3 stem."""

import torch.nn as nn
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor

from .cifar_resnet import projection
from .cifar_stage_net import CIFARStageNet, init_fan_out

_NUM_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_EXPANSION = 4


class BottleneckBlock(nn.Module):
    """1x1, 3x3, 1x1 convolutions around a shortcut; (N, C, H, W) -> 4 * channels.

    ``preact`` sees the sum before ReLU.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        out_channels = _EXPANSION * channels
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.shortcut = projection(in_channels, out_channels, stride)
        self.preact = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(self.preact(out + self.shortcut(x)))


@MODELS.register_module()
class CIFARBottleneckResNet(CIFARStageNet):
    """Bottleneck ResNet for 32x32 images: 3x3 stem without pooling, four stages.

    Output (N, 2048, H / 8, W / 8). Names and maths are those of ``ResNet50`` in
    RepDistiller and mdistiller. Taps as in the base class, and ``feature4``,
    ``preact4``. Source: He et al. 2016, arXiv:1512.03385, table 1.

    Args:
        depth: 50, 101 or 152. Default: 50.
        init_cfg: Initialization config. Default: None.

    Raises:
        ValueError: If ``depth`` is another number.
    """

    def __init__(self, depth: int = 50, init_cfg: dict | None = None) -> None:
        if depth not in _NUM_BLOCKS:
            raise ValueError(
                f'depth must be one of {tuple(_NUM_BLOCKS)}, but got {depth}'
            )
        super().__init__(stem_channels=64, stem_kernel=3, init_cfg=init_cfg)
        blocks = _NUM_BLOCKS[depth]
        self.layer1 = self._stage(blocks[0], 64, 64, stride=1)
        self.layer2 = self._stage(blocks[1], 256, 128, stride=2)
        self.layer3 = self._stage(blocks[2], 512, 256, stride=2)
        self.layer4 = self._stage(blocks[3], 1024, 512, stride=2)
        init_fan_out(self)

    @staticmethod
    def _stage(
        num_blocks: int, in_channels: int, channels: int, stride: int
    ) -> nn.Sequential:
        first = BottleneckBlock(in_channels, channels, stride)
        return nn.Sequential(
            first,
            *(
                BottleneckBlock(_EXPANSION * channels, channels, stride=1)
                for _ in range(num_blocks - 1)
            ),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to the one final feature map."""
        return (self.layer4(super().forward(x)[0]),)

    feature4 = property(lambda self: self.layer4)
    preact4 = property(lambda self: self.layer4[-1].preact)
