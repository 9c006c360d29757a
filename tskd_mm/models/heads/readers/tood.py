"""TOOD: probabilities and decoded boxes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..dense_outputs import DenseOutputs
from ..dense_reader import DenseReader, reads, split

EPSILON = 1e-6  # of a probability, so that its logit is finite


@reads('mmdet.TOODHead')
class TOODReader(DenseReader):
    """Scores are probabilities, boxes are corners in strides.

    Both tasks share the head's convolutions, and decompose all of their outputs: there
    is no branch to run from one feature.
    """

    layout = 'aligned corners'
    branches = ()

    def level(
        self, outputs: Sequence[Tensor], priors: Tensor, stride: int
    ) -> DenseOutputs:
        probabilities, corners = outputs
        return DenseOutputs(
            torch.logit(split(probabilities, priors), EPSILON),
            split(corners, priors) * stride,
        )
