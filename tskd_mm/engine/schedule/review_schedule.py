"""When the student memorizes and when it reviews."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Node:
    """What happens in one step (an epoch or an iteration) of the schedule.

    Attributes:
        kind: ``'memorize'``: train as usual, then copy the student to ``slot``;
            ``'review'``: the review loss is added; ``'general'``: train as usual.
        slot: The memory slot to fill, from 0; None unless ``kind`` is
            ``'memorize'``.
    """

    kind: Literal['memorize', 'review', 'general']
    slot: int | None = None


@dataclass(frozen=True)
class ReviewSchedule:
    """Every ``interval`` steps a node; nodes cycle M1, ..., Mn, R.

    A pure function of the step, so that a resumed run needs no state to go on.
    Source: TSKD (arXiv 2307.00811), ``interval=5`` and ``num_slots=3`` in epochs.

    Args:
        interval: Steps from one node to the next.
        num_slots: Memories between two reviews.
        review_length: Steps that a review lasts.

    Raises:
        ValueError: If a number is not positive or the review outlasts the interval.
    """

    interval: int = 5
    num_slots: int = 3
    review_length: int = 1

    def __post_init__(self) -> None:
        for name in ('interval', 'num_slots', 'review_length'):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f'{name} must be a positive integer, but got {value}')
        if self.review_length > self.interval:
            raise ValueError(
                'review_length must not exceed interval, but got '
                f'review_length={self.review_length} and interval={self.interval}'
            )

    def check_length(self, steps: int, unit: str) -> None:
        """Check that a training is long enough for a review.

        Args:
            steps: Of the whole training.
            unit: What they are: ``'epoch'`` or ``'iteration'``.

        Raises:
            ValueError: If it is not.
        """
        first = self.interval * self.num_slots
        if steps <= first:
            smaller = 'num_slots' if self.interval == 1 else 'interval or num_slots'
            raise ValueError(
                f'the training has {steps} {unit}s, but the first review comes after '
                f'{first}: train for at least {first + self.review_length} '
                f'{unit}s, or set a smaller {smaller} in TSKDMemoryHook'
            )

    def node(self, step: int) -> Node:
        """The node that ``step`` (from 0) belongs to."""
        position, offset = divmod(step, self.interval)
        turn = position % (self.num_slots + 1)
        if turn == self.num_slots:
            return Node('review' if offset < self.review_length else 'general')
        return Node('memorize', turn) if offset == 0 else Node('general')

    def nodes(self, start: int, stop: int) -> Iterator[tuple[int, Node]]:
        """Steps in ``[start, stop)`` where a memory or a review begins, in order.

        A review that is under way at ``start`` counts as beginning there.
        """
        if start < stop and start % self.interval and self.node(start).kind == 'review':
            yield start, self.node(start)
        first = -(-start // self.interval) * self.interval
        for step in range(first, stop, self.interval):
            yield step, self.node(step)

    def memories(self, stop: int) -> dict[int, int]:
        """Slots by the number of steps done when they are filled, up to ``stop``."""
        nodes = self.nodes(0, stop)
        return {step + 1: node.slot for step, node in nodes if node.slot is not None}

    def review_spans(self, stop: int) -> list[tuple[int, int]]:
        """First step and end of each review in a run of ``stop`` steps."""
        return [
            (step, min(step + self.review_length, stop))
            for step, node in self.nodes(0, stop)
            if node.kind == 'review'
        ]

    def steps_in_review(self, start: int, stop: int) -> int:
        """How many steps in ``[start, stop)`` review."""
        return self._steps_in_review(stop) - self._steps_in_review(start)

    def _steps_in_review(self, stop: int) -> int:
        cycles, rest = divmod(stop, self._cycle)
        begun = rest - self._cycle + self.interval
        return cycles * self.review_length + min(max(begun, 0), self.review_length)

    def reviews_begun(self, stop: int) -> int:
        """How many reviews begin before step ``stop``."""
        return (stop + self.interval - 1) // self._cycle

    def since_change(self, step: int) -> int:
        """Steps up to and with ``step`` since a review last began or ended."""
        cycles, rest = divmod(step, self._cycle)
        begun = rest - self._cycle + self.interval
        if 0 <= begun < self.review_length:
            return begun + 1
        if begun < 0:  # before the first review the training began
            begun = rest + self.interval if cycles else rest + self.review_length
        return begun - self.review_length + 1

    def finer(self, parts: int) -> 'ReviewSchedule':
        """The same cycle in steps that are ``parts`` times as short."""
        return replace(
            self,
            interval=self.interval * parts,
            review_length=self.review_length * parts,
        )

    @property
    def _cycle(self) -> int:
        return self.interval * (self.num_slots + 1)
