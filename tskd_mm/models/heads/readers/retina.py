"""RetinaNet: class scores, and boxes relative to anchors."""

from collections.abc import Sequence

from torch import Tensor

from ..dense_outputs import DenseOutputs
from ..dense_reader import DenseReader, reads, split


@reads('mmdet.RetinaHead')
class RetinaReader(DenseReader):
    """Boxes by the head's own ``bbox_coder``, relative to its anchors."""

    layout = 'anchors and their deltas'

    def level(
        self, outputs: Sequence[Tensor], priors: Tensor, stride: int
    ) -> DenseOutputs:
        scores, deltas = outputs
        return DenseOutputs(split(scores, priors), self.decode(deltas, priors))

    def decode(self, deltas: Tensor, anchors: Tensor) -> Tensor:
        """Boxes of one level.

        Args:
            deltas: (N, A * 4, H, W).
            anchors: (A, 4, H, W).

        Returns:
            (N, A, 4, H, W).
        """
        deltas = split(deltas, anchors)
        anchors = anchors.expand_as(deltas)
        # The coder takes lists of boxes.
        flat = [x.movedim(2, -1).reshape(-1, 4) for x in (anchors, deltas)]
        boxes = self.head.bbox_coder.decode(*flat)
        count, kinds, _, height, width = deltas.shape
        return boxes.view(count, kinds, height, width, 4).movedim(-1, 2)
