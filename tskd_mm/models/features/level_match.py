"""Which level of the teacher goes with which level of the student."""

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


def fit_size(teacher: Tensor, student: Tensor) -> Tensor:
    """The teacher's feature, (N, C', H', W'), pooled to the student's H and W."""
    height, width = student.shape[-2:]
    if teacher.shape[-2:] == (height, width):
        return teacher
    return F.adaptive_avg_pool2d(teacher, (height, width))
