"""Draws the schedule of a training over its learning rate."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from ..engine.schedule.run_timeline import RunTimeline
from .phase_shading import phase_spans, shade_phases

NAMED = 40  # nodes that have room for their names
POINTS = 2000  # of the curve; more are not seen


def draw_timeline(plan: RunTimeline, rates: Sequence[float]) -> Figure:
    """Memories and reviews of the whole training over the learning rate.

    Args:
        plan: Of the training.
        rates: Learning rate of every iteration up to the end; a resumed training has
            fewer.
    """
    figure = Figure(figsize=(9, 2.8), layout='constrained')
    axes = figure.add_subplot()
    memories, reviews = phase_spans(plan.schedule, plan.steps)
    shade_phases([axes], memories, reviews, color='#D55E00')
    every = max(1, len(rates) // POINTS)
    start = plan.end - len(rates)
    done = [i / plan.iters_per_step for i in range(start, plan.end, every)]
    axes.plot(done, rates[::every], color='#0072B2', lw=1.8, label='learning rate')
    nodes = [*plan.schedule.nodes(0, plan.steps)]
    for step, node in nodes if len(nodes) <= NAMED else []:
        name = 'R' if node.slot is None else f'M{node.slot + 1}'
        place = step + (plan.schedule.review_length / 2 if node.slot is None else 1)
        axes.annotate(
            name,
            (place, 1.02),
            xycoords=('data', 'axes fraction'),
            ha='center',
            fontsize=8,
            color='#D55E00' if node.slot is None else '0.35',
        )
    axes.set(xlabel=f'{plan.unit}s done', ylabel='learning rate', xlim=(0, plan.steps))
    axes.set_ylim(bottom=0)
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(alpha=0.3)
    axes.legend(loc='upper left', bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
    return figure
