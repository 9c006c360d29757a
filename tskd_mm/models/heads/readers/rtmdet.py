"""RTMDet: distances from points."""

from collections.abc import Sequence

from torch import Tensor

from ..dense_outputs import DenseOutputs, boxes_around
from ..dense_reader import DenseReader, reads, split


@reads('mmdet.RTMDetHead')
class RTMDetReader(DenseReader):
    """Distances in pixels; an objectness is part of the scores already."""

    layout = 'distances from points'

    def level(
        self, outputs: Sequence[Tensor], priors: Tensor, stride: int
    ) -> DenseOutputs:
        scores, distances = outputs
        boxes = boxes_around(priors, split(distances, priors))
        return DenseOutputs(split(scores, priors), boxes)


@reads('mmdet.RTMDetSepBNHead')
class RTMDetSepBNReader(RTMDetReader):
    """The head of the released models: each level has a batch norm of its own."""

    per_level = True
