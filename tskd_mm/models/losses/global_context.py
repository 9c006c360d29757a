"""Adds to every pixel what is seen in the whole image."""

import torch
from torch import Tensor, nn

from ..valid_pixels import spatial_log_softmax


class GlobalContext(nn.Module):
    """``F + W_2 ReLU(LN(W_1 sum_j softmax_j(W_k F) F_j))``: a GC block.

    All W are 1x1 convolutions; ``W_2`` starts at 0, so that the block starts as the
    identity. Source: GCNet (arXiv 1904.11492), as FGD (arXiv 2111.11837,
    section 3.2) uses it.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        middle = max(1, channels // 2)
        self.attend = nn.Conv2d(channels, 1, 1)
        self.transform = nn.Sequential(
            nn.Conv2d(channels, middle, 1),
            nn.LayerNorm([middle, 1, 1]),
            nn.ReLU(),
            nn.Conv2d(middle, channels, 1),
        )
        nn.init.kaiming_normal_(self.attend.weight, nonlinearity='relu')
        for parameter in (self.attend.bias, *self.transform[-1].parameters()):
            nn.init.zeros_(parameter)

    def forward(self, feature: Tensor, valid: Tensor | None = None) -> Tensor:
        """Add the context.

        Args:
            feature: (N, C, H, W).
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W); the padding
                is not looked at. Default: all pixels are valid.

        Returns:
            (N, C, H, W).
        """
        attention = spatial_log_softmax(self.attend(feature), valid).exp()
        context = torch.einsum('nchw,nhw->nc', feature, attention[:, 0])
        return feature + self.transform(context[..., None, None])
