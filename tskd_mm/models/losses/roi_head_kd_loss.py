"""Distillation of what the second stage of a detector says about its proposals."""

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..heads.roi_heads import RoIHeads, RoIOutputs
from .divergence import softmax_divergence


@MODELS.register_module()
class RoIHeadKDLoss(nn.Module):
    """Teacher's classes and boxes on the student's proposals, summed over the stages.

    Each stage has ``c T^2 mean_r KL(softmax(t_r / T) || softmax(s_r / T))`` over the
    classes and the background of its R proposals r, and ``b sum_p |d_p - d'_p| / R``
    over its positives p. The deltas d are those of the class that the student's
    assigner gave the proposal; divided by R as the host divides its own box loss.

    Source: after Chen et al., "Learning Efficient Object Detection Models with
    Knowledge Distillation" (NeurIPS 2017), section 3, without its weight of the
    background and with the teacher's deltas as targets in place of a bound.

    Args:
        cls_weight: c; 1 as of the host's class loss.
        box_weight: b; 1 as of the host's box loss.
        temperature: T.
    """

    compares = RoIHeads
    parts = ('cls', 'box')

    def __init__(
        self,
        cls_weight: float = 1.0,
        box_weight: float = 1.0,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.cls_weight = cls_weight
        self.box_weight = box_weight
        self.temperature = temperature

    def forward(
        self, student: Sequence[RoIOutputs], teacher: Sequence[RoIOutputs]
    ) -> dict[str, Tensor]:
        """Losses between the stages of two heads.

        Args:
            student: One a stage.
            teacher: One a stage, of the same proposals and positives.

        Returns:
            Scalars ``cls`` and ``box``.
        """
        pairs = [*zip(student, teacher)]
        classes = torch.stack([self._classes(ours, theirs) for ours, theirs in pairs])
        boxes = torch.stack([_boxes(ours, theirs) for ours, theirs in pairs])
        return {
            'cls': self.cls_weight * self.temperature**2 * classes.sum(),
            'box': self.box_weight * boxes.sum(),
        }

    def _classes(self, student: RoIOutputs, teacher: RoIOutputs) -> Tensor:
        logits = student.logits, teacher.logits
        divergence = softmax_divergence(*logits, 1, self.temperature).sum()
        return divergence / max(len(student.logits), 1)


def _boxes(student: RoIOutputs, teacher: RoIOutputs) -> Tensor:
    difference = (student.deltas - teacher.deltas).abs().sum()
    return difference / max(len(student.logits), 1)
