"""Which level of the teacher goes with which level of the student."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def match_levels(
    student: Sequence[int], teacher: Sequence[int], pyramid: bool
) -> list[int]:
    """Index of the teacher's level for each of the student's.

    Args:
        student: Strides of the student's levels, in pixels of the image.
        teacher: Strides of the teacher's levels.
        pyramid: The levels come from one neck and are matched by stride. Levels that
            were named one by one are matched in their order, whatever their stride.

    Raises:
        ValueError: If a level of the student finds no partner.
    """
    if not pyramid:
        if len(student) != len(teacher):
            raise ValueError(
                'student_taps and teacher_taps must give the same number of levels, '
                f'but the student has strides {list(student)} and the teacher '
                f'{list(teacher)}: name one module of the teacher for each'
            )
        return list(range(len(student)))
    student_levels, teacher_levels = _numbered(student), _numbered(teacher)
    shared = [stride for stride, n in student_levels if (stride, n) in teacher_levels]
    if not shared:
        raise ValueError(
            f'the student has levels of strides {list(student)} and the teacher '
            f'{list(teacher)}: they share none; name one module of each model for '
            'every level, with student_taps and teacher_taps, which are matched in '
            'their order, or take a teacher that shares some'
        )
    if len(shared) != len(student):
        raise ValueError(
            f'the student has levels of strides {list(student)} and the teacher '
            f'{list(teacher)}: every level of the student needs one of the teacher; '
            f'to use those that both have set strides={shared}'
        )
    return [teacher_levels.index(level) for level in student_levels]


def select_levels(available: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Indices of the levels that have the wanted strides.

    Raises:
        ValueError: If a stride is not available.
    """
    levels = _numbered(available)
    if not set(_numbered(wanted)) <= set(levels):
        raise ValueError(
            f"strides must be among the student's {list(available)}, but got "
            f'{list(wanted)}'
        )
    return [levels.index(level) for level in _numbered(wanted)]


def _numbered(strides: Sequence[int]) -> list[tuple[int, int]]:
    """Each stride with how often it came before: small levels can share one."""
    return [(s, list(strides[:i]).count(s)) for i, s in enumerate(strides)]


def cover(
    feature: Tensor, batch: Sequence[int], area: Sequence[int], stride: int
) -> Tensor:
    """The cells of a feature map that show an area of the batch, from the top left.

    Nothing is resampled: cells that show other pixels are cut off, and where the area
    is larger than the batch cells of 0 are added.

    Args:
        feature: (N, C, H, W).
        batch: Height and width of the images that it was computed from, in pixels.
        area: Height and width of the area, in pixels.
        stride: Pixels for a cell.
    """
    missing = []
    for cells, pixels, wanted in zip(feature.shape[-2:], batch, area):
        # A model that rounds another way has cells of another size.
        regular = -(-pixels // stride) == cells
        pixels_a_cell = stride if regular else pixels / cells
        missing.append(math.ceil(wanted / pixels_a_cell) - cells)
    return F.pad(feature, (0, missing[1], 0, missing[0]))  # a negative number cuts


def fit_size(teacher: Tensor, student: Tensor) -> Tensor:
    """The teacher's feature, (N, C', H', W'), resampled to the student's H and W.

    Pooled (the mean of the cells that fall into one), as in the TSKD release; where it
    is coarser in both directions, interpolated.
    """
    size = (student.shape[-2], student.shape[-1])
    if tuple(teacher.shape[-2:]) == size:
        return teacher
    if all(ours > theirs for ours, theirs in zip(size, teacher.shape[-2:])):
        return F.interpolate(teacher, size, mode='bilinear', align_corners=False)
    return F.adaptive_avg_pool2d(teacher, size)


def check_channels(student: int, teacher: int) -> None:
    """Check that the teacher can be shown the student's images.

    Args:
        student: Channels of its images.
        teacher: Channels of the images that it takes.

    Raises:
        ValueError: If the numbers differ and the student's is not 1 (grey).
    """
    if student not in (1, teacher):
        raise ValueError(
            f"the student's images have {student} channels, but the teacher takes "
            f'{teacher}: use a teacher of such images'
        )
