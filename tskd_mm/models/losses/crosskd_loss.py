"""Dense heads: the student's features through the teacher's last layers."""

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..heads.dense_heads import DenseHeads
from ..heads.dense_outputs import DenseOutputs
from .binary_distillation import binary_distillation
from .box_overlap import generalized_iou
from .divergence import softmax_divergence
from .teacher_foreground import count, foreground


@MODELS.register_module()
class CrossKDLoss(nn.Module):
    """``sum_r D_r / sum_r S_r`` for scores and ``sum_r S_r D_r / sum_r S_r`` for boxes.

    The input of the last stacked convolution of each branch of the student's head also
    goes into the last layers of the teacher's head. Their output is compared with the
    teacher's predictions. So the student's own predictions can follow the annotations
    without contradicting the teacher. Gradients pass through the teacher's layers to
    the student's features.

    D is the difference of the two: for scores the Quality Focal Loss
    (:func:`.binary_distillation`), for boxes 1 - GIoU, or the KL divergence of the
    distributions if the head has bins. S are the teacher's :func:`.foreground`
    weights. The idea is from the abstract of Wang et al., arXiv 2306.11369. The choice
    of pixels, the comparison of scores and boxes, and both weights are this project's,
    so the figures of the paper may not apply.

    Args:
        cls_weight: Of the scores.
        box_weight: Of the boxes.
    """

    compares = DenseHeads
    parts = ('cls', 'box')

    def __init__(self, cls_weight: float = 1.0, box_weight: float = 1.0) -> None:
        super().__init__()
        self.cls_weight = cls_weight
        self.box_weight = box_weight

    def forward(
        self,
        crossed: Sequence[DenseOutputs],
        teacher: Sequence[DenseOutputs],
        valid: Sequence[Tensor | None],
    ) -> dict[str, Tensor]:
        """Loss between cross-head predictions and the teacher's.

        Args:
            crossed: One a level.
            teacher: One a level.
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W), one a level;
                the padding does not count. None where nothing is padded.

        Returns:
            ``cls`` and ``box``, scalars.
        """
        weights = foreground(teacher, valid)
        scores, boxes = [], []
        for ours, theirs, weight, mask in zip(crossed, teacher, weights, valid):
            score = binary_distillation(ours.logits, theirs.logits).sum(dim=2)
            scores.append((score if mask is None else score * mask).sum())
            boxes.append((weight * _box_distance(ours, theirs)).sum())
        objects = count(weights)
        return {
            'cls': self.cls_weight * torch.stack(scores).sum() / objects,
            'box': self.box_weight * torch.stack(boxes).sum() / objects,
        }


def _box_distance(student: DenseOutputs, teacher: DenseOutputs) -> Tensor:
    """(N, A, H, W); of bins the mean of the four sides."""
    if student.bins is None or teacher.bins is None:
        return 1 - generalized_iou(student.boxes, teacher.boxes)
    divergence = softmax_divergence(student.bins, teacher.bins, dim=3)
    return divergence.sum(dim=3).mean(dim=2)
