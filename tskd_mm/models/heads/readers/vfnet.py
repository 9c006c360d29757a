"""VFNet: distances from points, refined."""

from collections.abc import Sequence

from torch import Tensor

from ..dense_outputs import DenseOutputs, boxes_around
from ..dense_reader import DenseReader, reads, split


@reads('mmdet.VFNetHead')
class VFNetReader(DenseReader):
    """The refined distances, in pixels; in training those before come in addition."""

    layout = 'refined distances from points'

    def level(
        self, outputs: Sequence[Tensor], priors: Tensor, stride: int
    ) -> DenseOutputs:
        scores, refined = outputs[0], outputs[-1]
        boxes = boxes_around(priors, split(refined, priors))
        return DenseOutputs(split(scores, priors), boxes)
