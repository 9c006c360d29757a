"""Which of the teacher's classes are the student's."""

from collections.abc import Callable, Sequence

from ..features.dry_run import Inspection

Names = Sequence[str] | None
Wanted = Sequence[str | int] | None


class TeacherClasses:
    """Finds the teacher's classes among its scores.

    Args:
        wanted: Names or indices of the teacher's classes, in the student's order; None
            if both models know the same classes.
        teacher_names: Called for the names of the teacher's classes where they are
            needed; None if nobody knows them.
        student_names: The names of the student's classes, for messages.
    """

    def __init__(
        self,
        wanted: Wanted,
        teacher_names: Callable[[], Names],
        student_names: Names = None,
    ) -> None:
        self.wanted = wanted
        self.teacher_names = teacher_names
        self.student_names = student_names

    def indices(self, student: int, teacher: int) -> list[int] | None:
        """Indices of the student's classes among the teacher's scores.

        Args:
            student: Number of the student's classes.
            teacher: Number of the teacher's classes.

        Returns:
            None if both are the same classes.

        Raises:
            ValueError: If the numbers differ and no classes were chosen, or a chosen
                class does not exist, or their number is not the student's.
        """
        ours = _listed(student, self.student_names)
        if self.wanted is None and student == teacher:
            return None
        if self.wanted is None:
            raise ValueError(
                'head_losses and logit_losses compare the scores of the same classes, '
                f'but the student has {ours} and the teacher '
                f'{_listed(teacher, self.teacher_names())}: set teacher_classes to the '
                "student's classes by the teacher's names or indices, in the "
                "student's order"
            )
        if len(self.wanted) != student:
            raise ValueError(
                'teacher_classes must give one class of the teacher for each of the '
                f'student, which has {ours}, but got {[*self.wanted]}'
            )
        return [self._index(wanted, teacher) for wanted in self.wanted]

    def of_logits(self, student: Inspection, teacher: Inspection) -> list[int] | None:
        """:meth:`indices` for logits; None where no logits are compared.

        Args:
            student: What was seen of the student's taps.
            teacher: The same of the teacher's.
        """
        ours, theirs = student.num_classes, teacher.num_classes
        if ours is None or theirs is None:
            return None
        return self.indices(ours, theirs)

    def of_same_names(self, teacher: int) -> list[int] | None:
        """Indices of the classes named like the student's; None if they are unknown.

        Args:
            teacher: Number of the teacher's classes.
        """
        ours, theirs = self.student_names, self.teacher_names() or ()
        if not ours or len(theirs) != teacher or not {*ours} <= {*theirs}:
            return None
        return [[*theirs].index(name) for name in ours]

    def _index(self, wanted: str | int, count: int) -> int:
        if isinstance(wanted, int) and 0 <= wanted < count:
            return wanted
        names = self.teacher_names()
        if isinstance(wanted, str) and names is None:
            raise ValueError(
                f'teacher_classes has the name {wanted!r}, but neither the checkpoint '
                'nor the config of the teacher names its classes: give their indices'
            )
        if names is None or wanted not in names:
            raise ValueError(
                f'teacher_classes has {wanted!r}, but the teacher has '
                f'{_listed(count, names)}'
            )
        if len(names) != count:
            raise ValueError(
                f'teacher_classes has the name {wanted!r}, but the head of the teacher '
                f'has {_listed(count, names)}, so that names do not tell their places: '
                'give their indices'
            )
        return [*names].index(str(wanted))


def _listed(count: int, names: Names) -> str:
    classes = f'{count} class{"" if count == 1 else "es"}'
    if names is None:
        return classes
    known = ', '.join(names)
    if len(names) != count:
        return f'{classes} (its data set has {len(names)}: {known})'
    return f'{classes} ({known})'
