"""Stand-ins for the predictor of a review: is it the prediction that helps?

A study's folder is on the module path of its trainings, so that its configs can import
what lies beside them.
"""

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class NoPrediction(nn.Module):
    """Predicts no change: the review loss is then the squared gap to the teacher."""

    def forward(self, sequence: Tensor) -> Tensor:
        """Zeros of one increment's shape; see IncrementPredictor."""
        return torch.zeros_like(sequence[-1])


@MODELS.register_module()
class LastIncrement(nn.Module):
    """Predicts that the next change is the last one again."""

    def forward(self, sequence: Tensor) -> Tensor:
        """The last increment; see IncrementPredictor."""
        return sequence[-1]
