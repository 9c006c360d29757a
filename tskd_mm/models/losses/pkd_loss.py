"""Distillation by the Pearson correlation of features."""

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.joined_levels import JoinedLevels

EPSILON = 1e-6


@MODELS.register_module()
class PKDLoss(nn.Module):
    """``w mean((z(student) - z(teacher))^2) / 2`` of a level, summed over the levels.

    ``z`` standardises each channel over all pixels of the batch (of one process, where
    there are several), so that the value is 1 minus the Pearson correlation of the
    channels. Source: Cao et al., arXiv 2207.02039, section 3; deviation (unbiased) and
    epsilon as in mmrazor.

    Args:
        loss_weight: w; in mmrazor's recipes 10 for RetinaNet and 6 for Faster R-CNN.
    """

    adapter = 'needed'
    takes_pyramid = True
    masks_padding = True

    def __init__(self, loss_weight: float = 10.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(
        self,
        student: Tensor | Sequence[Tensor],
        teacher: Tensor | Sequence[Tensor],
        valid: Sequence[Tensor | None] | Tensor | None = None,
    ) -> Tensor:
        """Sum of the losses between two features of each level.

        Args:
            student: (N, C, H, W), or one a level.
            teacher: As the student.
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W), or one or
                None a level; the padding does not count. Default: all pixels are valid.

        Returns:
            Scalar.
        """
        if isinstance(student, Tensor):
            return self([student], [teacher], [valid])
        masks = [None] * len(student) if valid is None else valid
        levels = [*zip(student, teacher, masks)]
        if len({level.shape[1] for level in student}) == 1:
            distance = _standardised_distance(*zip(*levels))
        else:  # stages of a classifier
            parts = [_standardised_distance(*zip(level)) for level in levels]
            distance = torch.stack(parts).sum()
        return self.loss_weight * distance / 2


def _standardised_distance(
    student: Sequence[Tensor],
    teacher: Sequence[Tensor],
    valid: Sequence[Tensor | None],
) -> Tensor:
    """Mean of ``(z(student) - z(teacher))^2`` of a level, summed over the levels.

    The square is multiplied out: sums over the pixels are all that differs by level.
    """
    channels = _Channels(student, valid)
    ours, theirs = channels.centred(student), channels.centred(teacher)
    squares = [channels.sums(pixels.square()) for pixels in (ours, theirs)]
    a, b = map(channels.scale, squares)
    products = channels.sums(ours * theirs)
    total = squares[0] * a.square() + squares[1] * b.square() - 2 * products * a * b
    return (total / channels.count).mean(0).sum()


class _Channels:
    """Statistics of each channel over the valid pixels of a level in the whole batch.

    Args:
        levels: Features of these sizes, (N, C, H, W), one a level.
        valid: Masks of the padding or None, one a level.
    """

    def __init__(self, levels: Sequence[Tensor], valid: Sequence[Tensor | None]):
        self.row = JoinedLevels(levels)
        self.inside = self.row.join_masks(valid)
        count = self.row.count(self.inside, levels[0])
        images = len(levels[0])
        self.count = count * images if self.inside is None else count.sum(0)

    def sums(self, row: Tensor) -> Tensor:
        """(N, C, P) to (C, L)."""
        return self.row.sums(row.sum(0))

    def centred(self, levels: Sequence[Tensor]) -> Tensor:
        """Features with mean 0, and 0 in the padding, (N, C, P)."""
        row = self._inside(self.row.join(levels))
        return self._inside(row - self.row.spread(self.sums(row) / self.count))

    def scale(self, squares: Tensor) -> Tensor:
        """1 / deviation from the sums of squares, (C, L)."""
        variance = squares / (self.count - 1).clamp(min=1)
        # A constant channel must not get an infinite gradient from the square root.
        tiny = torch.finfo(variance.dtype).tiny
        return 1 / (variance.clamp(min=tiny).sqrt() + EPSILON)

    def _inside(self, row: Tensor) -> Tensor:
        return row if self.inside is None else row * self.inside
