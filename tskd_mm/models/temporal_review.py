"""The review: what the student's own history says about its gap to the teacher."""

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from .attention_map import attention_map
from .increment import increment, increment_sequence
from .loss_weight import check_weight
from .valid_pixels import masked_mean


@MODELS.register_module()
class TemporalReview(nn.Module):
    """Predicts the student's next increment and holds it against its gap.

    ``w sum_l MSE(prediction_l, |A_student_l - A_teacher_l|)``: the review loss of
    TSKD (arXiv 2307.00811). The gradient reaches the student through the gap and
    through the last increment of the sequence. The predictors learn as with w = 1,
    whatever w is: times a larger w, SGD would make them diverge, and the student with
    them (docs/results.md).

    Args:
        num_levels: Levels of features; each has a predictor of its own.
        normalize: See :func:`~tskd_mm.models.attention_map.attention_map`.
        predictor: Config of the predictor: one for all levels, or a list with one for
            each.
        loss_weight: w, which the student feels; 1 in the TSKD release.

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
        super().__init__()
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
        levels = zip(self.predictors, zip(*past), student, teacher, valid)
        losses = [self._level_loss(*level, weight) for level in levels]
        loss = torch.stack(losses).sum()
        return loss + (weight - 1) * loss.detach()

    def _level_loss(
        self,
        predictor: nn.Module,
        past: Sequence[Tensor],
        student: Tensor,
        teacher: Tensor,
        valid: Tensor | None,
        weight: float,
    ) -> Tensor:
        def attention(feature: Tensor) -> Tensor:
            return attention_map(feature, self.normalize, valid)

        # The student's map is made for each use, as in the release: its gradients then
        # add up in the same order, and training there and here agrees to the last bit.
        history = increment_sequence(
            [*map(attention, past)], _felt(attention(student), weight)
        )
        gap = increment(_felt(attention(student), weight), attention(teacher))
        return masked_mean((predictor(history) - gap).square(), valid)


def _felt(student: Tensor, weight: float) -> Tensor:
    """The same map, whose gradient is multiplied by the weight."""
    return student + (weight - 1) * (student - student.detach())
