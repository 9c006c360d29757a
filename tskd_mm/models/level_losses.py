"""A loss on pairs of feature maps, on every level of two pyramids."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .loss_asks import EXTRAS, asked_by, build_loss, loss_class


class LevelLosses(nn.Module):
    """One loss, summed over the levels; each has a copy and an adapter of its own.

    An adapter is a 1x1 convolution that brings the student's features to the teacher's
    number of channels. It is trained with the student and is no part of it. The class
    of a loss says with its attribute ``adapter`` when it wants one: ``'needed'``, where
    the channels differ (the default, also for losses registered elsewhere),
    ``'always'`` or ``'never'``. If it takes a constructor argument ``student_channels``
    or ``teacher_channels`` it is given that number.

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
        when = getattr(loss_class(config), 'adapter', 'needed')
        pairs = [*zip(student_channels, teacher_channels or student_channels)]
        self.adapters = nn.ModuleList(
            nn.Conv2d(*pair, 1)
            if when == 'always' or (when == 'needed' and pair[0] != pair[1])
            else nn.Identity()
            for pair in pairs
        )
        self.losses = nn.ModuleList(build_loss(config, *pair) for pair in pairs)
        self.extras = asked_by(self.losses[0].forward, EXTRAS)

    def forward(
        self,
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        valid: Sequence[Tensor | None],
        data_samples: Sequence[Any],
    ) -> Tensor:
        """Sum over the levels.

        Args:
            student: Each (N, C, H, W).
            teacher: Each (N, C', H, W).
            valid: Masks of the padding, (N, 1, H, W) or None, one a level; features
                read 0 in the padding.
            data_samples: One per image.
        """
        losses = []
        levels = zip(self.losses, self.adapters, student, teacher, valid)
        for loss, adapter, own, wanted, mask in levels:
            extras = {'valid': mask, 'data_samples': data_samples}
            asked = {name: extras[name] for name in self.extras}
            losses.append(loss(blank(adapter(own), mask), blank(wanted, mask), **asked))
        return torch.stack(losses).sum()


def blank(feature: Tensor, valid: Tensor | None) -> Tensor:
    """The feature with 0 in the padding."""
    return feature if valid is None else feature * valid
