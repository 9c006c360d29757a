"""Plots loss and validation metric of training runs, one line for each.

Where a run has a TSKDMemoryHook its memories are marked and its reviews shaded.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from mmengine.config import Config
from scalars import Points, RunScalars, read_scalars

from tskd_mm.engine import ReviewSchedule, TSKDMemoryHook

matplotlib.use('Agg')
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

# Okabe and Ito: told apart with any kind of colour vision.
COLORS = ('#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9', '#000000')
MARKERS = 'osD^vPX'
SMOOTHING = 5  # logged losses that are averaged
Span = tuple[float, float]


def schedule_of(config: Config) -> tuple[ReviewSchedule, bool] | None:
    """Schedule of a config's TSKDMemoryHook and whether it counts epochs.

    Returns:
        None if the config has no such hook.
    """
    for entry in config.get('custom_hooks') or []:
        arguments = dict(entry)
        if arguments.pop('type') == 'TSKDMemoryHook':
            arguments.pop('priority', None)  # the runner's
            hook = TSKDMemoryHook(**arguments)
            return hook.schedule, hook.by_epoch
    return None


def phases(schedule: ReviewSchedule, end: int) -> tuple[list[int], list[Span]]:
    """When a training of ``end`` steps memorizes and reviews.

    Returns:
        Steps done when a memory is taken; (start, stop) of each review.
    """
    memories: list[int] = []
    reviews: list[Span] = []
    for step, node in schedule.nodes(0, end):
        if node.kind == 'memorize':
            memories.append(step + 1)  # taken when the step is over
        else:
            reviews.append((step, min(step + schedule.review_length, end)))
    return memories, reviews


def run_phases(run: RunScalars) -> tuple[list[float], list[Span]]:
    """Memories and reviews of a run in the unit of its plot, as far as it has come."""
    found = schedule_of(run.config) if run.config is not None else None
    if found is None or not run.train:
        return [], []
    schedule, by_epoch = found
    iters_per_unit = run.iters_per_epoch
    steps_per_unit = 1 if by_epoch else iters_per_unit
    done = -(-max(run.train) * steps_per_unit // iters_per_unit)
    memories, reviews = phases(schedule, done)
    return (
        [step / steps_per_unit for step in memories],
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


def plot_runs(
    runs: Sequence[RunScalars], out: Path, metric: str = 'coco/bbox_mAP'
) -> None:
    """Draw the runs into one picture.

    Args:
        runs: At most 7; they all count epochs or all iterations.
        out: PNG to write.
        metric: Validation metric, named as in ``scalars.json``.

    Raises:
        ValueError: If the runs cannot share an axis, or none has the metric.
    """
    _check(runs, metric)
    unit = 'epoch' if runs[0].by_epoch else 'iteration'
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(8, 7), sharex=True, layout='constrained'
    )
    for run, color, marker in zip(runs, COLORS, MARKERS):
        top.plot(*zip(*smooth(run.losses())), color=color, label=run.name)
        points = run.metrics(metric)
        if points:
            bottom.plot(*zip(*points), color=color, marker=marker, label=run.name)
    for run, color in zip(runs, COLORS):  # after the lines: also in the legend
        _draw_phases((top, bottom), run, color)
    top.set_ylabel(f'training loss, all terms\n(mean of {SMOOTHING} records)')
    bottom.set_ylabel(metric)
    bottom.set_xlabel(f'{unit}s done')
    bottom.set_xlim(left=0)
    for axes in (top, bottom):
        axes.grid(alpha=0.3)
        axes.spines[['top', 'right']].set_visible(False)
    handles, labels = top.get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside upper center', ncols=4, frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)
    plt.close(figure)


def _draw_phases(both: Sequence[Axes], run: RunScalars, color: str) -> None:
    memories, reviews = run_phases(run)
    for axes in both:
        for i, span in enumerate(reviews):
            label = f'review ({run.name})' if i == 0 else None
            axes.axvspan(*span, color=color, alpha=0.15, linewidth=0, label=label)
        for i, step in enumerate(memories):
            label = f'memory taken ({run.name})' if i == 0 else None
            axes.axvline(step, color=color, alpha=0.7, ls=':', lw=1.2, label=label)


def _check(runs: Sequence[RunScalars], metric: str) -> None:
    if len(runs) > len(COLORS):
        raise ValueError(f'at most {len(COLORS)} runs fit, but got {len(runs)}')
    if len({run.by_epoch for run in runs}) > 1:
        raise ValueError(
            'some of the runs count epochs and some iterations: plot them apart'
        )
    known = {key for run in runs for record in run.val.values() for key in record}
    if metric not in known:
        raise ValueError(
            f'no run has the validation metric {metric!r}: choose --metric from '
            f'{", ".join(sorted(known - {"step", "time", "data_time"})) or "none"}'
        )


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dirs', nargs='+', type=Path, metavar='WORK_DIR')
    parser.add_argument('--out', type=Path, required=True, help='PNG to write')
    parser.add_argument('--metric', default='coco/bbox_mAP')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        plot_runs([read_scalars(d) for d in args.work_dirs], args.out, args.metric)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    print(f'{args.out}: written')


if __name__ == '__main__':
    main()
