"""Marks the phases of a training behind its curves."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from ..engine.schedule.review_schedule import ReviewSchedule

Span = tuple[float, float]


def phase_spans(
    schedule: ReviewSchedule, end: int
) -> tuple[list[int], list[tuple[int, int]]]:
    """When a training of ``end`` steps memorizes and reviews.

    Returns:
        Steps done when a memory is taken; (start, stop) of each review.
    """
    memories: list[int] = []
    reviews: list[tuple[int, int]] = []
    for step, node in schedule.nodes(0, end):
        if node.kind == 'memorize':
            memories.append(step + 1)  # taken when the step is over
        else:
            reviews.append((step, min(step + schedule.review_length, end)))
    return memories, reviews


def shade_phases(
    axes: Sequence[Axes],
    memories: Sequence[float],
    reviews: Sequence[Span],
    color: str = '0.5',
    name: str = '',
) -> None:
    """Shade reviews and mark memories in every one of some axes.

    Args:
        axes: They share the x axis.
        memories: Where a memory is taken.
        reviews: (start, stop) of each review.
        color: Of both.
        name: Of the run, for the legend.
    """
    suffix = f' ({name})' if name else ''
    for one in axes:
        for i, span in enumerate(reviews):
            label = None if i else f'review{suffix}'
            one.axvspan(*span, color=color, alpha=0.18, linewidth=0, label=label)
        for i, step in enumerate(memories):
            label = None if i else f'memory taken{suffix}'
            one.axvline(step, color=color, alpha=0.7, ls=':', lw=1.2, label=label)
