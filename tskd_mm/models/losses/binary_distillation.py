"""Scores of classes as binary problems."""

import torch.nn.functional as F
from torch import Tensor


def binary_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    """``|p_t - p_s| BCE(p_s, p_t)`` of every score.

    Source: BCKD (arXiv 2308.14286, section 3.2); with soft targets it is the Quality
    Focal Loss (arXiv 2006.04388, eq. 5) of exponent 1. Zero, and stationary, where both
    scores agree.

    Args:
        student: Logits, any shape.
        teacher: Logits of the same shape.

    Returns:
        The same shape.
    """
    target = teacher.sigmoid()
    difference = (target - student.sigmoid()).abs()
    return difference * F.binary_cross_entropy_with_logits(
        student, target, reduction='none'
    )
