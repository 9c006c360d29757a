"""The review: what the student's own history says about its gap to the teacher."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.attention_map import attention_row
from ..features.compiled_parts import compile_options
from ..features.joined_levels import JoinedLevels
from ..features.padding import masked_mse
from ..losses.loss_collection import check_weight
from .increment_predictor import IncrementPredictor, crop, grow, refine
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
    through the last increment of the sequence. The predictors always learn as
    with w = 1. If a larger w scaled their gradients too, SGD would make them diverge,
    and then the student (docs/appendix/studies.md).

    Args:
        num_levels: Levels of features; each has a predictor of its own.
        normalize: See :func:`~tskd_mm.models.features.attention_map.attention_map`.
        predictor: Config of the predictor: one for all levels, or a list with one for
            each.
        loss_weight: w, which scales only the student's gradient; 1 in the TSKD
            release.
        compile: Run maps and predictors as graphs where the rest of the model does not:
            True, whatever the sizes of the images, or a dict of options of
            :func:`torch.compile`.

    Raises:
        TypeError: If ``compile`` has another form.
        ValueError: If a list of predictors has another length than ``num_levels``, or
            the weight is negative, NaN or infinite.
    """

    compiled = ('maps', 'grow', 'refine', 'predict_each')

    def __init__(
        self,
        num_levels: int,
        normalize: str = 'rms',
        predictor: dict | Sequence[dict] = {'type': 'IncrementPredictor'},  # noqa: B006
        loss_weight: float = 1.0,
        compile: bool | dict = False,  # noqa: A002
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
        self.as_released = normalize == 'column'
        self.loss_weight = loss_weight
        self.compile_options = compile_options(compile, dynamic=True)
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
            masked_mse(level.prediction, level.gap, mask)
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
        increments = self.increments(past, student, teacher, valid, weight)
        history, gap = map(JoinedLevels(student).split, increments)
        return [*map(LevelComparison, history, self.predict(history), gap)]

    def increments(
        self,
        past: Sequence[Sequence[Tensor]],
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        valid: Sequence[Tensor | None],
        weight: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """History, (T, N, 1, P), and gap, (N, 1, P), of all levels at once.

        The levels are in one row of pixels (:class:`.JoinedLevels`). The arguments are
        those of :meth:`compare`.
        """
        # In the release the student's map is made for each of its uses: its gradients
        # then add up in the same order, and training agrees to the last bit.
        now = [student] * (2 if self.as_released else 1)
        maps = self.maps([*past, *now, teacher], valid)
        last, seen = (scale_gradient(maps[i], weight) for i in (len(past), -2))
        constant = maps.detach().unbind()
        return self.history(constant[: len(past)], last), self.gap(seen, constant[-1])

    def predict(self, history: Sequence[Tensor]) -> list[Tensor]:
        """The next increment of each level, as its predictor sees it."""
        ours = all(type(p) is IncrementPredictor for p in self.predictors)
        if ours and len({p.width for p in self.predictors}) == 1:
            return self.refine(crop(self.grow(history), history))
        return self.predict_each(history)

    def grow(self, history: Sequence[Tensor]) -> list[Tensor]:
        """:func:`.increment_predictor.grow` of all levels."""
        return grow([*self.predictors], history)

    def refine(self, grown: Sequence[Tensor]) -> list[Tensor]:
        """:func:`.increment_predictor.refine` of all levels."""
        return refine([*self.predictors], grown)

    def predict_each(self, history: Sequence[Tensor]) -> list[Tensor]:
        """:meth:`predict`, each level for itself."""
        return [p(steps) for p, steps in zip(self.predictors, history)]

    def maps(
        self, models: Sequence[Sequence[Tensor]], valid: Sequence[Tensor | None]
    ) -> Tensor:
        """Attention maps of several models on all levels, (M, N, 1, P).

        Args:
            models: Features of each, one (N, C, H, W) a level.
            valid: Masks of the padding, (N, 1, H, W) or None, one a level.
        """
        return attention_row(models, self.normalize, valid)

    def attention(self, feature: Tensor, valid: Tensor | None) -> Tensor:
        """Attention map of one feature, (N, C, H, W) to (N, 1, H, W)."""
        return self.maps([[feature]], [valid])[0].unflatten(-1, feature.shape[-2:])

    def history(self, past: Sequence[Tensor], student: Tensor) -> Tensor:
        """What the predictor reads: :func:`increment_sequence` of attention maps."""
        return increment_sequence(past, student)

    def gap(self, student: Tensor, teacher: Tensor) -> Tensor:
        """What its prediction is compared with: the increment that is still to come."""
        return increment(student, teacher)


def scale_gradient(tensor: Tensor, factor: float) -> Tensor:
    """The same values; the gradient that flows back through them is multiplied."""
    if factor == 1:
        return tensor
    constant = tensor.detach()
    return constant + factor * (tensor - constant)


def scale_value(tensor: Tensor, factor: float) -> Tensor:
    """The value is multiplied; the gradient that flows back through it is the same."""
    if factor == 1:
        return tensor
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
    maps = torch.stack([*past, current])
    return increment(maps[:-1], maps[1:])
