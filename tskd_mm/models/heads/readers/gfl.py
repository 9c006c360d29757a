"""GFL: distances as distributions over bins."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..dense_outputs import DenseOutputs, boxes_around
from ..dense_reader import DenseReader, reads, split


@reads('mmdet.GFLHead')
class GFLReader(DenseReader):
    """A distance is the mean of its distribution, in strides from an anchor's centre.

    Source: Generalized Focal Loss (arXiv 2006.04388), section 3.2.
    """

    layout = 'distributions of distances'

    def level(
        self, outputs: Sequence[Tensor], priors: Tensor, stride: int
    ) -> DenseOutputs:
        scores, distances = outputs
        bins = split(distances, priors).unflatten(2, (4, self.reg_max + 1))
        values = torch.arange(self.reg_max + 1).to(bins).view(-1, 1, 1)
        means = (bins.softmax(dim=3) * values).sum(dim=3)
        centres = (priors[:, :2] + priors[:, 2:]) / 2
        boxes = boxes_around(centres, means * stride)
        return DenseOutputs(split(scores, priors), boxes, bins=bins)

    @property
    def reg_max(self) -> int:
        return self.head.reg_max
