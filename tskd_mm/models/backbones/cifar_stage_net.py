"""The stem-and-stages layout that several CIFAR backbones share."""

from mmengine.model import BaseModule
from torch import Tensor, nn


def init_fan_out(module: nn.Module) -> None:
    """Draw every convolution of ``module`` from N(0, 2 / (k² · out_channels)).

    Biases become zero. Normalisation layers keep PyTorch's ones and zeros.
    Source: He et al. 2015, arXiv:1502.01852, eq. 14.
    """
    for conv in module.modules():
        if isinstance(conv, nn.Conv2d):
            nn.init.kaiming_normal_(conv.weight, mode='fan_out', nonlinearity='relu')
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)


class CIFARStageNet(BaseModule):
    """Base of the backbones made of a stem and the stages ``layer1 .. layer3``.

    A subclass assigns the stages, each an ``nn.Sequential`` whose last block has a
    parameter-free module ``preact``.

    The taps ``feature0 .. feature3`` (stem, stages) and ``preact0 .. preact3`` (the
    same before the last ReLU; the stem stays after it) are existing modules, so
    they add nothing to ``state_dict``; ``get_submodule`` finds them.

    Args:
        stem_channels: Channels of the stem.
        stem_kernel: Kernel size of the stem, odd; stride is 1.
        init_cfg: Initialization config. Default: None.
    """

    def __init__(
        self, stem_channels: int, stem_kernel: int, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.conv1 = nn.Conv2d(
            3, stem_channels, stem_kernel, padding=stem_kernel // 2, bias=False
        )
        self.bn1 = nn.BatchNorm2d(stem_channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to the one final feature map (N, C, h, w)."""
        x = self.relu(self.bn1(self.conv1(x)))
        return (self.layer3(self.layer2(self.layer1(x))),)

    feature0 = preact0 = property(lambda self: self.relu)
    feature1 = property(lambda self: self.layer1)
    feature2 = property(lambda self: self.layer2)
    feature3 = property(lambda self: self.layer3)
    preact1 = property(lambda self: self.layer1[-1].preact)
    preact2 = property(lambda self: self.layer2[-1].preact)
    preact3 = property(lambda self: self.layer3[-1].preact)
