"""What TSKD compares in one image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models.distillers.tskd_distiller import TSKDDistiller
from ..models.features.attention_map import attention_map
from ..models.features.level_match import fit_size
from ..models.features.padding import valid_pixels
from ..models.review.temporal_review import increment, increment_sequence


@dataclass
class AttentionMaps:
    """One image at one level; maps are (H, W), without the padding of the batch.

    Attributes:
        image: RGB picture as the student gets it, (H', W', 3).
        teacher: Attention map of the teacher.
        past: Those of the memories, oldest first.
        now: That of the student.
        prediction: The next increment as predicted from past and now.
        gap: The increment from the student to the teacher.
    """

    image: NDArray[np.uint8]
    teacher: Tensor
    past: list[Tensor]
    now: Tensor
    prediction: Tensor
    gap: Tensor

    @property
    def attention(self) -> dict[str, Tensor]:
        """The attention maps by their names for people."""
        past = {f'memory {i}': m for i, m in enumerate(self.past, 1)}
        return {'teacher': self.teacher, **past, 'student now': self.now}

    @property
    def changes(self) -> dict[str, Tensor]:
        """The increments by their names for people."""
        # A change is never negative, a prediction may be: cut off at zero.
        prediction = self.prediction.clamp(min=0)
        return {'predicted change': prediction, 'gap to teacher': self.gap}


@torch.no_grad()
def attention_maps(model: TSKDDistiller, batch: Any, level: int) -> AttentionMaps:
    """Look at the first image of a batch.

    Args:
        model: In eval mode, with teacher and memories.
        batch: As from a data loader: ``inputs`` and ``data_samples``.
        level: Which of the tapped features, from 0 (the finest).

    Raises:
        ValueError: If there is no such level, no teacher or no review.
    """
    review: Any = model.review
    if review is None or model.bank is None:
        raise ValueError('the model has review=None: there are no memories to show')
    if model.teacher is None:
        raise ValueError('the model has no teacher yet: call its init_weights() first')
    count = len(model.strides)
    if not 0 <= level < count:
        raise ValueError(f'level must be between 0 and {count - 1}, but got {level}')
    image = _picture(batch)
    batch = model.data_preprocessor(batch, False)
    inputs, samples = batch['inputs'], batch['data_samples']
    student = model.tap.run(lambda: model.student(inputs, mode='tensor')).levels[level]
    size = student.shape[-2:]
    teacher = fit_size(model.teacher(inputs, samples).levels[level], student)
    valid = valid_pixels(samples, size, student)

    def to_map(feature: Tensor) -> Tensor:
        return attention_map(feature, review.normalize, valid)

    past = [to_map(levels[level]) for levels in model.bank.levels(inputs)]
    now, target = to_map(student), to_map(teacher)
    prediction = review.predictors[level](increment_sequence(past, now))
    rows, columns = _inside(valid, size)

    def cut(values: Tensor) -> Tensor:
        return values[0, 0, :rows, :columns].cpu()

    return AttentionMaps(
        image=image,
        teacher=cut(target),
        past=[cut(m) for m in past],
        now=cut(now),
        prediction=cut(prediction),
        gap=cut(increment(now, target)),
    )


def _picture(batch: Any) -> NDArray[np.uint8]:
    pixels = np.array(batch['inputs'][0].permute(1, 2, 0).cpu())
    # Files are read as BGR; data sets that hold their images themselves hold RGB.
    from_file = batch['data_samples'][0].get('img_path') is not None
    return pixels[..., ::-1].copy() if from_file else pixels


def _inside(valid: Tensor | None, size: torch.Size) -> tuple[int, int]:
    """Rows and columns that the first image fills."""
    if valid is None:
        return size[0], size[1]
    return int(valid[0, 0, :, 0].sum()), int(valid[0, 0, 0].sum())
