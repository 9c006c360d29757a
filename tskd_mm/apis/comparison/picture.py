"""A picture of every training and of the differences."""

from pathlib import Path
from statistics import mean

from matplotlib.figure import Figure

from ..run_curves import COLORS
from .results import Results, paired
from .study import Study


def draw(study: Study, results: Results, out: Path) -> None:
    """Every training as a dot and the differences with their intervals, as a PNG."""
    figure = Figure(figsize=(9, 1.2 + 0.45 * len(study.methods)), layout='constrained')
    left, right = figure.subplots(1, 2)
    for height, (method, color) in enumerate(zip(study.methods, COLORS * 9)):
        values = [study.times * r.last for r in results.get(method, {}).values()]
        left.plot(values, [height] * len(values), 'o', color=color, mfc='none')
        if values:
            left.plot(mean(values), height, '|', color=color, ms=18, mew=2)
    left.set_yticks(range(len(study.methods)), study.methods)
    left.set_xlabel(f'{study.metric}, last epoch (bar: mean)')
    for height, (method, baseline) in enumerate(study.comparisons):
        found = paired(results, method, baseline, 'last').times(study.times)
        if found.mean is not None:
            half = found.half
            right.errorbar(found.mean, height, xerr=half, fmt='ks', ms=4, capsize=4)
    names = [f'{method} - {baseline}' for method, baseline in study.comparisons]
    right.set_yticks(range(len(names)), names)
    right.axvline(0, color='0.6', lw=1)
    right.set_xlabel('paired difference, 95 % interval')
    for axes in (left, right):
        axes.set_ylim(-0.5, len(axes.get_yticks()) - 0.5)
        axes.invert_yaxis()
        axes.grid(alpha=0.3)
        axes.spines[['top', 'right']].set_visible(False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=120)
