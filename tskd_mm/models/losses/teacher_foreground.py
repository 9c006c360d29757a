"""Where the teacher sees objects, and how many places that is."""

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from ..heads.dense_outputs import DenseOutputs


def foreground(
    teacher: Sequence[DenseOutputs], valid: Sequence[Tensor | None]
) -> list[Tensor]:
    """Weight of each prior: the teacher's highest class score, squared.

    The square leaves the many priors out that are background, with scores of about
    0.01 each.

    Args:
        teacher: Of the teacher's head, one a level.
        valid: 1 inside the images and 0 in the padding, (N, 1, H, W), one a level;
            None where nothing is padded.

    Returns:
        (N, A, H, W) a level; no gradient.
    """
    weights = [level.confidence.detach().square() for level in teacher]
    return [w if mask is None else w * mask for w, mask in zip(weights, valid)]


def count(weights: Sequence[Tensor]) -> Tensor:
    """:func:`total`, at least one an image.

    It stands for the number of positives by which hosts divide their losses, and needs
    no assigner.

    Args:
        weights: From :func:`foreground`.
    """
    return total(weights).clamp(min=len(weights[0]))


def total(weights: Sequence[Tensor]) -> Tensor:
    """Sum over all levels, mean of the processes: a scalar.

    What is divided by it does not depend on how a batch is split over processes.

    Args:
        weights: (N, ..., H, W), one a level; no gradient.
    """
    summed = torch.stack([level.sum() for level in weights]).sum()
    all_reduce(summed, 'mean')
    return summed
