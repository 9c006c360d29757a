"""Dense heads: scores as binary problems, boxes by IoU."""

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..heads.dense_heads import DenseHeads
from ..heads.dense_outputs import DenseOutputs
from .binary_distillation import binary_distillation
from .box_overlap import box_iou
from .teacher_foreground import count, foreground


@MODELS.register_module()
class BCKDLoss(nn.Module):
    """``sum_ij w_ij BCE(p_s, p_t)`` and ``sum_i max_j(w_ij) (1 - IoU_i)``, weighted.

    ``p`` are the sigmoid scores of prior i for class j, ``w_ij = |p_t - p_s|``; both
    sums are divided by a count of the objects that the teacher sees
    (:func:`.teacher_foreground.count`; the authors' release divides by the number of
    positives of ATSS, which other heads have not). Source: Yang et al., arXiv
    2308.14286, sections 3.2 and 3.3.

    Args:
        cls_weight: Of the first sum; 1 in the authors' release.
        box_weight: Of the second; 4 in the release.
    """

    compares = DenseHeads
    parts = ('cls', 'box')

    def __init__(self, cls_weight: float = 1.0, box_weight: float = 4.0) -> None:
        super().__init__()
        self.cls_weight = cls_weight
        self.box_weight = box_weight

    def forward(
        self,
        student: Sequence[DenseOutputs],
        teacher: Sequence[DenseOutputs],
        valid: Sequence[Tensor | None],
    ) -> dict[str, Tensor]:
        """Loss between the predictions of two heads.

        Args:
            student: One a level.
            teacher: One a level.
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W), one a level;
                the padding does not count. None where nothing is padded.

        Returns:
            ``cls`` and ``box``, scalars.
        """
        scores, boxes = [], []
        for ours, theirs, mask in zip(student, teacher, valid):
            inside = 1.0 if mask is None else mask
            score = binary_distillation(ours.logits, theirs.logits).sum(dim=2)
            difference = (theirs.logits.sigmoid() - ours.logits.sigmoid()).abs()
            weight = difference.detach().amax(dim=2)
            box = weight * (1 - box_iou(ours.boxes, theirs.boxes))
            scores.append((score * inside).sum())
            boxes.append((box * inside).sum())
        objects = count(foreground(teacher, valid))
        return {
            'cls': self.cls_weight * torch.stack(scores).sum() / objects,
            'box': self.box_weight * torch.stack(boxes).sum() / objects,
        }
