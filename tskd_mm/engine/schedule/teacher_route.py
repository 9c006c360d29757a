"""Which teacher teaches when."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise


class TeacherRoute:
    """Checkpoints of a teacher, each from a step of the training on.

    A pure function of the step, so that a resumed run needs no state to go on.

    Args:
        checkpoints: Pairs of a step (an epoch or an iteration, from 0) and a path or
            URL.

    Raises:
        ValueError: If there is none, or the steps do not increase from 0 or later.
    """

    def __init__(self, checkpoints: Sequence[tuple[int, str]]) -> None:
        steps = [step for step, _ in checkpoints]
        if not steps or steps[0] < 0 or any(b <= a for a, b in pairwise(steps)):
            raise ValueError(
                "a teacher's route must be pairs of an increasing step from 0 and a "
                "checkpoint, such as [(0, 'epoch_3.pth'), (4, 'epoch_12.pth')], but "
                f'got {[tuple(entry) for entry in checkpoints]}'
            )
        self.steps = steps
        self.checkpoints = [checkpoint for _, checkpoint in checkpoints]

    def checkpoint(self, step: int) -> str | None:
        """The one in force at ``step``; None before the first."""
        passed = bisect_right(self.steps, step)
        return self.checkpoints[passed - 1] if passed else None
