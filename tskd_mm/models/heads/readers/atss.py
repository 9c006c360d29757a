"""ATSS and PAA: as RetinaNet, with a quality."""

from collections.abc import Sequence

from torch import Tensor

from ..dense_outputs import DenseOutputs
from ..dense_reader import reads, split
from .retina import RetinaReader


@reads('mmdet.ATSSHead')
class ATSSReader(RetinaReader):
    """The third output is a centerness (ATSS) or a predicted IoU (PAA)."""

    def level(
        self, outputs: Sequence[Tensor], priors: Tensor, stride: int
    ) -> DenseOutputs:
        scores, deltas, quality = outputs
        return DenseOutputs(
            split(scores, priors), self.decode(deltas, priors), split(quality, priors)
        )
