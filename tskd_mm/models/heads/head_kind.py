"""What every kind of head offers to the losses that compare it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from torch import Tensor, nn

from ..teacher.teacher_classes import TeacherClasses


class HeadKind(ABC):
    """The heads of student and teacher, of one kind.

    A loss names its kind in the class attribute ``compares`` and, as parameters of
    its ``forward``, what it asks for: names of entries of what :meth:`read` returns.
    Models come as arguments and are not kept: the runner may replace their modules,
    and an EMA model is a copy.

    Args:
        asked: What the losses ask for, and which loss does, for messages. What nobody
            asks for need not be computed.

    Attributes:
        offers: The inputs that a loss can declare.
        classes: Indices of the teacher's classes that are the student's, in the
            student's order; None if both know the same. Set by :meth:`match`.

    Raises:
        ValueError: If a loss declares another input.
    """

    offers: ClassVar[tuple[str, ...]]

    def __init__(self, asked: Mapping[str, str]) -> None:
        self.asked = dict(asked)
        self.classes: list[int] | None = None
        for name in sorted(self.asked.keys() - self.offers):
            raise ValueError(
                f'{self.asked[name]} declares the input {name!r}, but the inputs for '
                f'{type(self).__name__} are {", ".join(self.offers)}'
            )

    @abstractmethod
    def check(self, student: nn.Module) -> None:
        """Check that the student has a head of this kind that can be read.

        Raises:
            ValueError: If it has none; names what is missing.
        """

    @abstractmethod
    def match(
        self, student: nn.Module, teacher: nn.Module, classes: TeacherClasses
    ) -> None:
        """Check that both heads can be compared; called before training.

        Args:
            student: The student.
            teacher: The teacher, with its weights.
            classes: Finds the teacher's classes among the student's.

        Raises:
            ValueError: If they cannot; names what differs.
        """

    @abstractmethod
    def record(self, student: nn.Module) -> AbstractContextManager[Any]:
        """While open, watch the forward pass that the student's own loss makes."""

    @abstractmethod
    def read(
        self,
        seen: Any,
        student: nn.Module,
        teacher: nn.Module,
        neck: Sequence[Tensor],
        data_samples: Sequence[Any],
    ) -> dict[str, Any]:
        """What losses can ask for. Runs the teacher's head, without gradients to it.

        Called with the precision of the student's forward pass; what it returns is
        in float32 or more.

        Args:
            seen: What :meth:`record` yielded.
            student: The student.
            teacher: The teacher, in eval mode.
            neck: All outputs of the teacher's neck, each (N, C, H, W).
            data_samples: One per image.
        """


class NoHeads(HeadKind):
    """Where no loss compares heads: every method does nothing."""

    offers = ()

    def check(self, *args: Any) -> None:
        """Any student will do."""

    def match(self, *args: Any) -> None:
        """Any pair will do."""

    def record(self, *args: Any) -> AbstractContextManager[None]:
        """Nothing is watched."""
        return nullcontext()

    def read(self, *args: Any) -> dict[str, Any]:
        """Nothing is read."""
        return {}


def check_equal(
    student: Mapping[str, Any], teacher: Mapping[str, Any], why: str, advice: str
) -> None:
    """Check that the heads of student and teacher are alike where they must be.

    Args:
        student: What must be equal, by its name.
        teacher: The same of the teacher.
        why: Why it must, for the message.
        advice: What to do, for the message.

    Raises:
        ValueError: If something differs; names the first.
    """
    for what, ours in student.items():
        if ours != teacher[what]:
            raise ValueError(
                f'{why}, so {what} must be equal, but the student has {ours} and the '
                f'teacher {teacher[what]}: {advice}'
            )
