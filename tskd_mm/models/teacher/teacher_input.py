"""Shows the teacher the student's batch in the teacher's own normalisation."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..features.padding import valid_pixels


class TeacherInput:
    """Undoes the student's normalisation and applies the teacher's.

    What the host's data preprocessor made of the batch (padding, resizing, mixing)
    stays; only mean, standard deviation, order of the channels and the value of the
    padding change. Where both models normalise alike the batch passes untouched.

    Args:
        student: The student's data preprocessor.
        teacher: The teacher's data preprocessor.

    Attributes:
        doubtful: Whether the channels are reversed for the teacher, although both
            models have one mean in one order.
    """

    def __init__(self, student: nn.Module, teacher: nn.Module) -> None:
        flip, mean, std = _normalization(student)
        teacher_flip, teacher_mean, teacher_std = _normalization(teacher)
        self.flip = flip != teacher_flip
        self.doubtful = False
        if self.flip:
            self.doubtful = mean.equal(teacher_mean) and not mean.equal(mean.flip(0))
            mean, std = mean.flip(0), std.flip(0)
        self.scale = std / teacher_std
        self.shift = (mean - teacher_mean) / teacher_std
        self.pad_value = float(getattr(teacher, 'pad_value', 0) or 0)
        same_padding = self.pad_value == float(getattr(student, 'pad_value', 0) or 0)
        self.identity = (
            not self.flip
            and same_padding
            and bool((self.scale == 1).all())
            and bool((self.shift == 0).all())
        )

    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> Tensor:
        """The batch as the teacher would have got it.

        Args:
            inputs: The student's preprocessed images, (N, 3, H, W).
            data_samples: Show where the images end and the padding begins.
        """
        if self.identity:
            return inputs
        if self.flip:
            inputs = inputs.flip(1)
        images = inputs * self.scale.to(inputs) + self.shift.to(inputs)
        valid = valid_pixels(data_samples, inputs.shape[-2:], inputs)
        return images if valid is None else images.where(valid > 0, self.pad_value)

    def apply(self, fn: Callable[[Tensor], Tensor]) -> None:
        """Move what is applied, as ``nn.Module._apply`` does."""
        self.scale, self.shift = fn(self.scale), fn(self.shift)


def _normalization(preprocessor: nn.Module) -> tuple[bool, Tensor, Tensor]:
    """Whether the channels are reversed; mean and std, (3, 1, 1)."""
    # mmdet and mmengine call the flag _channel_conversion, mmpretrain to_rgb.
    flip = getattr(preprocessor, '_channel_conversion', None)
    if flip is None:
        flip = getattr(preprocessor, 'to_rgb', False)
    if getattr(preprocessor, '_enable_normalize', False):
        mean, std = preprocessor.mean.float(), preprocessor.std.float()
    else:
        mean, std = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    return bool(flip), mean.view(-1, 1, 1).cpu(), std.view(-1, 1, 1).cpu()
