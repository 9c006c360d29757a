"""Watches the heads of student and teacher for the losses that compare them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from ..teacher.teacher_classes import TeacherClasses
from .head_kind import HeadKind

Kind = type[HeadKind]


class HeadComparison:
    """All kinds of heads that the head losses of a distiller compare.

    Without head losses every method does nothing.

    Args:
        asked: For each loss the kind of heads that it compares, and what it asks for
            with its own name.

    Attributes:
        kinds: The heads by their kind.
    """

    def __init__(self, asked: Iterable[tuple[Kind, dict[str, str]]]) -> None:
        inputs: dict[Kind, dict[str, str]] = {}
        for kind, names in asked:
            inputs.setdefault(kind, {}).update(names)
        self.kinds = {kind: kind(names) for kind, names in inputs.items()}

    def __bool__(self) -> bool:
        return bool(self.kinds)

    def check(self, student: nn.Module) -> None:
        """Check that the student's heads can be read.

        Raises:
            ValueError: If one cannot; names what is missing.
        """
        for heads in self.kinds.values():
            heads.check(student)

    def match(
        self, student: nn.Module, teacher: nn.Module, classes: TeacherClasses
    ) -> None:
        """Check that the heads of both can be compared; before training.

        Raises:
            ValueError: If they cannot; names what differs.
        """
        for heads in self.kinds.values():
            heads.match(student, teacher, classes)

    @contextmanager
    def record(self, student: nn.Module) -> Iterator[dict[Kind, Any]]:
        """While open, watch the student; yields what was seen, by kind."""
        with ExitStack() as stack:
            yield {
                kind: stack.enter_context(heads.record(student))
                for kind, heads in self.kinds.items()
            }

    def read(
        self,
        seen: dict[Kind, Any],
        student: nn.Module,
        teacher: nn.Module,
        neck: Sequence[Tensor],
        data_samples: Sequence[Any],
    ) -> dict[Kind, dict[str, Any]]:
        """What the losses can ask for, by kind; see :meth:`.HeadKind.read`."""
        return {
            kind: heads.read(seen[kind], student, teacher, neck, data_samples)
            for kind, heads in self.kinds.items()
        }
