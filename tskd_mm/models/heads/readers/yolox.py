"""YOLOX: class scores times an objectness, and centres with sizes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..dense_outputs import DenseOutputs
from ..dense_reader import DenseReader, reads, split

# Logarithm of a size in strides. No box is larger; where nothing was trained to be
# one, the area of two must not overflow.
LARGEST = 10.0


@reads('mmdet.YOLOXHead')
class YOLOXReader(DenseReader):
    """The class scores are trained on objects alone; read is their product.

    Centres are offsets from a point in strides, sizes logarithms of strides (arXiv
    2107.08430, section 2.1).
    """

    layout = 'centres and sizes'
    branches = ('multi_level_cls_convs', 'multi_level_reg_convs')
    per_level = True

    def level(
        self, outputs: Sequence[Tensor], priors: Tensor, stride: int
    ) -> DenseOutputs:
        scores, boxes, objectness = (split(x, priors) for x in outputs)
        centre = priors + boxes[:, :, :2] * stride
        half = boxes[:, :, 2:].clamp(max=LARGEST).exp() * stride / 2
        corners = torch.cat([centre - half, centre + half], dim=2)
        return DenseOutputs(_product(scores, objectness), corners, objectness)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Logits of ``sigmoid(a) sigmoid(b)``.

    ``1 / (s(a) s(b)) = (1 + e^-a)(1 + e^-b)``, so that the odds against the product
    are ``e^-a + e^-b + e^-(a + b)``.
    """
    return -torch.logsumexp(torch.stack(torch.broadcast_tensors(-a, -b, -a - b)), dim=0)
