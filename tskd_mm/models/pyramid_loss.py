"""A loss that takes all levels of two pyramids at once."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from .level_losses import blank
from .loss_asks import EXTRAS, asked_by, build_loss


class PyramidLoss(nn.Module):
    """One loss whose class says ``takes_pyramid = True``: it is given lists of levels.

    Constructor arguments ``student_channels`` and ``teacher_channels`` are given too if
    it takes them. It adapts the channels itself.

    Args:
        config: Config of the loss.
        student_channels: Channels of the student's levels.
        teacher_channels: Channels of the teacher's levels; None if the loss has no use
            for them.
    """

    def __init__(
        self,
        config: dict,
        student_channels: Sequence[int],
        teacher_channels: Sequence[int] | None,
    ) -> None:
        super().__init__()
        self.loss = build_loss(config, student_channels, teacher_channels)
        self.extras = asked_by(self.loss.forward, EXTRAS)

    def forward(
        self,
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        valid: Sequence[Tensor | None],
        data_samples: Sequence[Any],
    ) -> Tensor:
        """The loss; arguments as for :class:`~.level_losses.LevelLosses`."""
        extras = {'valid': valid, 'data_samples': data_samples}
        return self.loss(
            [blank(*level) for level in zip(student, valid)],
            [blank(*level) for level in zip(teacher, valid)],
            **{name: extras[name] for name in self.extras},
        )
