"""All static losses of a distiller, by name."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.feature_tap import Features
from ..heads.head_kind import HeadKind, NoHeads
from .feature_loss import (
    build_feature_loss,
    needs_teacher_channels,
    optional_inputs,
)
from .head_loss import HeadLoss

RESERVED = ('review', 'task')


class LossCollection(nn.Module):
    """Named losses that compare student and teacher at every step.

    A loss is called with student and teacher. If its ``forward`` declares a parameter
    ``data_samples`` or ``valid`` (masks of the padding) it is given that too.

    Args:
        features: Configs of losses on feature maps, by name: on each level and summed
            (:class:`.LevelLosses`), or on all at once (:class:`.PyramidLoss`).
        logits: Configs of losses on a pair of logits, by name.
        student_channels: Channels of the student's levels.
        teacher_channels: Channels of the teacher's levels. None if they are unknown:
            losses that need them are left out.
        heads: Configs of losses on heads of detectors, by name (:class:`.HeadLoss`).

    Raises:
        ValueError: If a name cannot be used, or a weight is negative, NaN or infinite.
    """

    def __init__(
        self,
        features: dict[str, dict] | None,
        logits: dict[str, dict] | None,
        student_channels: Sequence[int],
        teacher_channels: Sequence[int] | None,
        heads: dict[str, dict] | None = None,
    ) -> None:
        super().__init__()

        def buildable(configs: dict[str, dict] | None) -> dict[str, dict]:
            known = teacher_channels is not None
            items = (configs or {}).items()
            return {n: c for n, c in items if known or not needs_teacher_channels(c)}

        self.features = nn.ModuleDict(
            {
                name: build_feature_loss(config, student_channels, teacher_channels)
                for name, config in buildable(features).items()
            }
        )
        self.logits = nn.ModuleDict(
            {name: MODELS.build(config) for name, config in (logits or {}).items()}
        )
        self.heads = nn.ModuleDict(
            {
                name: HeadLoss(name, config, student_channels, teacher_channels)
                for name, config in buildable(heads).items()
            }
        )
        _check_names(self.names)
        for group in (self.features, self.logits, self.heads):
            for name, losses in group.items():
                for loss in losses.modules():
                    check_weight(name, loss)

    @property
    def names(self) -> list[str]:
        """Names of the values that a call returns."""
        parts = [name for loss in self.heads.values() for name in loss.names]
        return [*self.features, *self.logits, *parts]

    def compared_heads(self) -> HeadKind:
        """The heads that the losses compare, and what is asked of them.

        Raises:
            ValueError: If losses compare heads of several kinds.
        """
        asked: dict[str, str] = {}
        for loss in self.heads.values():
            asked |= loss.asked
        kinds = {loss.kind for loss in self.heads.values()} or {NoHeads}
        if len(kinds) > 1:
            names = ', '.join(sorted(kind.__name__ for kind in kinds))
            raise ValueError(
                'a detector has heads of one kind, but the head_losses '
                f'{[*self.heads]} compare {names}: keep those of one kind'
            )
        return kinds.pop()(asked)

    def forward(
        self,
        student: Features,
        teacher: Features,
        valid: Sequence[Tensor | None],
        data_samples: Sequence[Any],
        heads: Mapping[str, Any] = {},
    ) -> dict[str, Tensor]:
        """The losses by name.

        Args:
            student: Features of the student.
            teacher: Features of the teacher in the student's sizes.
            valid: Masks of the padding, one a level; both features read 0 there.
            data_samples: One per image.
            heads: What the heads predicted, see :meth:`.HeadKind.read`.
        """
        # Under mixed precision the adapters' weights are float32 nevertheless.
        student, teacher = student.full_precision(), teacher.full_precision()
        losses = {
            name: loss(student.levels, teacher.levels, valid, data_samples)
            for name, loss in self.features.items()
        }
        for name, loss in self.logits.items():
            known = {'valid': None, 'data_samples': data_samples}
            extra = {n: known[n] for n in optional_inputs(type(loss).forward)}
            losses[name] = loss(student.logits, teacher.logits, **extra)
        for loss in self.heads.values():
            losses |= loss(heads)
        return losses


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if name in RESERVED or 'loss' in name or names.count(name) > 1:
            raise ValueError(
                'a static loss needs a name of its own that is none of '
                f'{", ".join(RESERVED)} and does not contain "loss", under which '
                f'mmengine sums, but got {name!r} in {list(names)}: it is logged as '
                'loss_<name>, and its ratio to the task loss as ratio_<name>'
            )


def check_weight(name: str, loss: nn.Module) -> None:
    """Check the weights of a loss: its numbers called ``loss_weight``, ``..._weight``.

    Args:
        name: What the config calls it.
        loss: The loss.

    Raises:
        ValueError: If one is negative, NaN or infinite.
    """
    for key, weight in vars(loss).items():
        if not key.endswith('_weight') or not isinstance(weight, (int, float)):
            continue
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(
                f'{key} of {name} must be a finite number from 0, but got {weight}'
            )
