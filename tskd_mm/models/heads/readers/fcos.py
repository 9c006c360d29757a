"""FCOS: distances from points, and a centerness."""

from collections.abc import Sequence

from torch import Tensor

from ..dense_outputs import DenseOutputs, boxes_around
from ..dense_reader import DenseReader, reads, split


@reads('mmdet.FCOSHead')
class FCOSReader(DenseReader):
    """Distances in pixels; with ``norm_on_bbox`` in strides, in training alone."""

    layout = 'distances from points'

    def level(
        self, outputs: Sequence[Tensor], priors: Tensor, stride: int
    ) -> DenseOutputs:
        scores, distances, centerness = outputs
        if self.head.norm_on_bbox and self.head.training:
            distances = distances * stride
        return DenseOutputs(
            split(scores, priors),
            boxes_around(priors, split(distances, priors)),
            split(centerness, priors),
        )
