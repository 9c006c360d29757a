"""The review: what the student's own history says about its gap to the teacher."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.attention_map import attention_map
from ..features.padding import masked_mean
from ..losses.loss_collection import check_weight
from .review import Review


class LevelComparison(NamedTuple):
    """What a review compares on one level.

    Attributes:
        history: The student's last T increments, oldest first, (T, N, 1, H, W).
        prediction: The next increment as the predictor sees it, (N, 1, H, W).
        gap: The increment from the student to the teacher, (N, 1, H, W).
    """

    history: Tensor
    prediction: Tensor
    gap: Tensor


@MODELS.register_module()
class TemporalReview(Review):
    """Predicts the student's next increment and compares it with its gap.

    ``w sum_l MSE(prediction_l, |A_student_l - A_teacher_l|)``: the review loss of
    TSKD (arXiv 2307.00811). The gradient reaches the student through the gap and
    through the last increment of the sequence. The predictors learn as with w = 1,
    whatever w is: times a larger w, SGD would make them diverge, and the student with
    them (docs/results.md).

    Args:
        num_levels: Levels of features; each has a predictor of its own.
        normalize: See :func:`~tskd_mm.models.features.attention_map.attention_map`.
        predictor: Config of the predictor: one for all levels, or a list with one for
            each.
        loss_weight: w, which scales only the student's gradient; 1 in the TSKD
            release.

    Raises:
        ValueError: If a list of predictors has another length than ``num_levels``, or
            the weight is negative, NaN or infinite.
    """

    def __init__(
        self,
        num_levels: int,
        normalize: str = 'rms',
        predictor: dict | Sequence[dict] = {'type': 'IncrementPredictor'},  # noqa: B006
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_levels)
        configs = [predictor] * num_levels if isinstance(predictor, dict) else predictor
        if len(configs) != num_levels:
            raise ValueError(
                f'predictor must be one config or one for each of {num_levels} levels, '
                f'but got {len(configs)} configs'
            )
        self.predictors = nn.ModuleList(MODELS.build(config) for config in configs)
        self.normalize = normalize
        self.loss_weight = loss_weight
        check_weight('review', self)

    def forward(
        self,
        past: Sequence[Sequence[Tensor]],
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        valid: Sequence[Tensor | None],
        factor: float = 1.0,
    ) -> Tensor:
        """Review loss of one batch.

        Args:
            past: Features of T past students, oldest first, each one (N, C, H, W) a
                level.
            student: Features of the student now, one (N, C, H, W) a level.
            teacher: Features of the teacher in the student's H and W.
            valid: Masks of the padding, (N, 1, H, W) or None, one a level.
            factor: Of the weight, in this batch.

        Returns:
            Scalar.
        """
        weight = self.loss_weight * factor
        compared = self.compare(past, student, teacher, valid, weight)
        losses = [
            masked_mean((level.prediction - level.gap).square(), mask)
            for level, mask in zip(compared, valid)
        ]
        return scale_value(torch.stack(losses).sum(), weight)

    def compare(
        self,
        past: Sequence[Sequence[Tensor]],
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        valid: Sequence[Tensor | None],
        weight: float = 1.0,
    ) -> list[LevelComparison]:
        """What the review compares on each level.

        Args:
            past: As for :meth:`forward`, like the next three.
            student: See there.
            teacher: See there.
            valid: See there.
            weight: Factor of the gradient that reaches the student.
        """
        compared = []
        levels = zip(self.predictors, zip(*past), student, teacher, valid)
        for predictor, memories, now, target, mask in levels:
            maps = [self.attention(feature, mask) for feature in memories]
            # The student's map is made for each use, as in the release: its gradients
            # then add up in the same order, and training there and here agrees to the
            # last bit.
            last, seen = (
                scale_gradient(self.attention(now, mask), weight) for _ in range(2)
            )
            history = self.history(maps, last)
            gap = self.gap(seen, self.attention(target, mask))
            compared.append(LevelComparison(history, predictor(history), gap))
        return compared

    def attention(self, feature: Tensor, valid: Tensor | None) -> Tensor:
        """Attention map of a feature, (N, C, H, W) to (N, 1, H, W)."""
        return attention_map(feature, self.normalize, valid)

    def history(self, past: Sequence[Tensor], student: Tensor) -> Tensor:
        """What the predictor reads: :func:`increment_sequence` of attention maps."""
        return increment_sequence(past, student)

    def gap(self, student: Tensor, teacher: Tensor) -> Tensor:
        """What its prediction is compared with: the increment that is still to come."""
        return increment(student, teacher)


def scale_gradient(tensor: Tensor, factor: float) -> Tensor:
    """The same values; the gradient that flows back through them is multiplied."""
    constant = tensor.detach()
    return constant + factor * (tensor - constant)


def scale_value(tensor: Tensor, factor: float) -> Tensor:
    """The value is multiplied; the gradient that flows back through it is the same."""
    constant = tensor.detach()
    return factor * constant + (tensor - constant)


def increment(before: Tensor, after: Tensor) -> Tensor:
    """Step between two maps of one shape, ``|A - B|``."""
    return (before - after).abs()


def increment_sequence(past: Sequence[Tensor] | Tensor, current: Tensor) -> Tensor:
    """The student's learning history as T steps that end at its present.

    ``|A_m1 - A_m2|, |A_m2 - A_m3|, ..., |A_mT - A_now|`` (TSKD, arXiv 2307.00811).

    Args:
        past: T attention maps of past students, oldest first, each (N, 1, H, W).
        current: Attention map of the present student, (N, 1, H, W). The last step
            carries its gradient.

    Returns:
        The T increments, oldest first, (T, N, 1, H, W).

    Raises:
        ValueError: If ``past`` is empty.
    """
    if len(past) == 0:
        raise ValueError('past must hold at least one attention map, but it is empty')
    maps = [*past, current]
    return torch.stack([increment(a, b) for a, b in pairwise(maps)])
