"""Curves of losses and validation metric of runs, with memories and reviews."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..visualization.timeline_figure import Span, shade_phases
from .read_config import memory_hook_of
from .run_scalars import Points, RunScalars

# Okabe and Ito: distinguishable with any kind of colour vision.
COLORS = ('#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9', '#000000')
MARKERS = 'osD^vPX'
SMOOTHING = 5  # logged losses that are averaged
SHADE = '0.45'  # of phases that all runs share


def run_phases(run: RunScalars) -> tuple[list[float], list[Span]]:
    """Memories and reviews of a run in the unit of its plot, as far as it has come."""
    hook = memory_hook_of(run.config) if run.config is not None else None
    if hook is None or not run.train:
        return [], []
    iters_per_unit = run.iters_per_epoch
    steps_per_unit = 1 if hook.by_epoch else iters_per_unit
    done = -(-max(run.train) * steps_per_unit // iters_per_unit)
    reviews = hook.schedule.review_spans(done)
    return (
        [step / steps_per_unit for step in hook.schedule.memories(done)],
        [(a / steps_per_unit, b / steps_per_unit) for a, b in reviews],
    )


def smooth(points: Points, window: int = SMOOTHING) -> Points:
    """Mean of each value and the ``window - 1`` before it."""
    values = [value for _, value in points]
    means = [
        sum(values[max(0, i - window + 1) : i + 1]) / min(window, i + 1)
        for i in range(len(values))
    ]
    return [(x, mean) for (x, _), mean in zip(points, means)]


def usual_loss(run: RunScalars) -> Points:
    """The sum of all losses but the review's, which would stand out in every review."""
    review = dict(run.losses('loss_review'))
    return [(x, loss - review.get(x, 0.0)) for x, loss in run.losses()]


def plot_runs(runs: Sequence[RunScalars], out: Path, metric: str | None = None) -> None:
    """Draw the runs into one picture.

    Args:
        runs: At most 7; they all count epochs or all iterations.
        out: PNG to write.
        metric: Validation metric, named as in ``scalars.json``. Default: the first.

    Raises:
        ValueError: If the runs cannot share an axis, or none has the metric.
    """
    metric = _check(runs, metric)
    panels = 2 + (len(runs) == 1) - (metric is None)
    figure = Figure(figsize=(8, 1 + 2.7 * panels), layout='constrained')
    every = list(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])
    _draw_losses(every[0], runs)
    if len(runs) == 1:
        _draw_terms(every[1], runs[0])
    if metric is not None:
        _draw_metric(every[-1], runs, metric)
    _draw_phases(every, runs)  # after the lines: also in the legend
    every[-1].set_xlabel(f'{"epoch" if runs[0].by_epoch else "iteration"}s done')
    every[-1].set_xlim(left=0)
    for axes in every:
        axes.grid(alpha=0.3)
        axes.spines[['top', 'right']].set_visible(False)
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside upper center', ncols=4, frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)


def _draw_losses(axes: Axes, runs: Sequence[RunScalars]) -> None:
    for run, color in zip(runs, COLORS):
        axes.plot(*zip(*smooth(usual_loss(run))), color=color, label=run.name)
    axes.set_ylabel(
        f"training loss without the review's\n(mean of {SMOOTHING} records)"
    )


def _draw_terms(axes: Axes, run: RunScalars) -> None:
    """Each loss on its own, with gaps where it is absent."""
    keys = {k for record in run.train.values() for k in record if k.startswith('loss_')}
    for key, color in zip(sorted(keys), COLORS * len(keys)):
        there = run.losses(key)
        gaps = {x: float('nan') for x, _ in run.losses()} | dict(there)
        style = {'marker': '.', 'lw': 2} if len(there) < len(gaps) else {'lw': 1.2}
        axes.plot(*zip(*sorted(gaps.items())), color=color, label=key, **style)
    axes.set(yscale='log', ylabel='training losses\n(log scale)')
    axes.legend(loc='center left', bbox_to_anchor=(1, 0.5), frameon=False)


def _draw_metric(axes: Axes, runs: Sequence[RunScalars], metric: str) -> None:
    for run, color, marker in zip(runs, COLORS, MARKERS):
        points = run.metrics(metric)
        if points:
            axes.plot(*zip(*points), color=color, marker=marker, ms=4, label=run.name)
    axes.set_ylabel(metric)


def _draw_phases(axes: Sequence[Axes], runs: Sequence[RunScalars]) -> None:
    """One shade where all runs with phases have the same, else each in its colour."""
    phases = [(run, color, run_phases(run)) for run, color in zip(runs, COLORS)]
    phases = [one for one in phases if any(one[2])]
    if len(phases) > 1 and all(one[2] == phases[0][2] for one in phases):
        shade_phases(axes, *phases[0][2], color=SHADE)
        return
    for run, color, found in phases:
        shade_phases(axes, *found, color=color, name=run.name)


def _check(runs: Sequence[RunScalars], metric: str | None) -> str | None:
    """The metric to draw, if any."""
    if len(runs) > len(COLORS):
        raise ValueError(f'at most {len(COLORS)} runs fit, but got {len(runs)}')
    if len({run.by_epoch for run in runs}) > 1:
        raise ValueError(
            'some of the runs count epochs and some iterations: plot them apart'
        )
    known = [*dict.fromkeys(name for run in runs for name in run.metric_names)]
    if metric is None:
        return known[0] if known else None
    if metric not in known:
        raise ValueError(
            f'no run has the validation metric {metric!r}: choose --metric from '
            f'{", ".join(sorted(known)) or "none"}'
        )
    return metric
