"""Draws memories and reviews of a run behind its curves."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

NAMED = 40  # memories and reviews that have room for their names
POINTS = 2000  # of the curve; more are not seen
Span = tuple[float, float]


def draw_timeline(
    rates: Sequence[tuple[float, float]],
    memories: Mapping[int, int],
    reviews: Sequence[Span],
    end: int,
    unit: str,
) -> Figure:
    """Memories and reviews of a whole run over the learning rate.

    Args:
        rates: Steps done and learning rate of every iteration up to the end; of a
            resumed run, of those that are left.
        memories: Slots by the number of steps done when they are filled.
        reviews: (start, stop) of each review.
        end: Steps of the whole run.
        unit: What a step is: ``'epoch'`` or ``'iteration'``.
    """
    figure = Figure(figsize=(9, 2.8), layout='constrained')
    axes = figure.add_subplot()
    shade_phases([axes], memories, reviews, color='#D55E00')
    points = rates[:: max(1, len(rates) // POINTS)]
    axes.plot(*zip(*points), color='#0072B2', lw=1.8, label='learning rate')
    if len(memories) + len(reviews) <= NAMED:
        _name_phases(axes, memories, reviews)
    axes.set(xlabel=f'{unit}s done', ylabel='learning rate', xlim=(0, end))
    axes.set_ylim(bottom=0)
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(alpha=0.3)
    axes.legend(loc='upper left', bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
    return figure


def shade_phases(
    axes: Sequence[Axes],
    memories: Iterable[float],
    reviews: Iterable[Span],
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


def _name_phases(
    axes: Axes, memories: Mapping[int, int], reviews: Sequence[Span]
) -> None:
    places = [(step, f'M{slot + 1}', '0.35') for step, slot in memories.items()]
    middles = [((start + stop) / 2, 'R', '#D55E00') for start, stop in reviews]
    for place, name, color in [*places, *middles]:
        axes.annotate(
            name,
            (place, 1.02),
            xycoords=('data', 'axes fraction'),
            ha='center',
            fontsize=8,
            color=color,
        )
