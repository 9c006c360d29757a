"""What a study's table shows: means, paired differences, costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from matplotlib.figure import Figure
from scipy.stats import t as student_t

from tskd_mm.apis.run_curves import COLORS
from tskd_mm.apis.text_tables import markdown_table

from .plan import Study, Trial
from .table import Row

Results = Mapping[str, Mapping[int, Row]]  # by method, then seed
CONFIDENCE = 0.95
NONE = '-'


def results_of(rows: Mapping[Trial, Row]) -> Results:
    """The rows of trials by method and seed."""
    results: dict[str, dict[int, Row]] = {}
    for trial, row in rows.items():
        results.setdefault(trial.method, {})[trial.seed] = row
    return results


@dataclass(frozen=True)
class Interval:
    """Mean of some numbers with its confidence interval.

    Attributes:
        count: How many numbers.
        mean: Their mean; None of none.
        half: Half the width of the interval; None of fewer than two.
    """

    count: int
    mean: float | None
    half: float | None


def interval(values: Sequence[float]) -> Interval:
    """Student's t interval of the mean, for normal and independent values."""
    count = len(values)
    if count < 2:
        return Interval(count, values[0] if values else None, None)
    quantile = student_t.ppf((1 + CONFIDENCE) / 2, count - 1)
    half = float(quantile) * stdev(values) / count**0.5
    return Interval(count, mean(values), half)


def paired(results: Results, method: str, baseline: str, column: str) -> Interval:
    """Differences of two methods on the seeds that both have."""
    ours, theirs = results.get(method, {}), results.get(baseline, {})
    seeds = [seed for seed in ours if seed in theirs]
    return interval(
        [getattr(ours[s], column) - getattr(theirs[s], column) for s in seeds]
    )


def summary(study: Study, results: Results) -> list[tuple[str, ...]]:
    """Header and one row for each method.

    The cost is a mean over the seeds that a method shares with the first.
    """
    first = next(iter(study.methods))
    rows: list[tuple[str, ...]] = [('method', 'seeds', 'last', 'best', 'cost')]
    for method in study.methods:
        found = results.get(method, {})
        shared = [seed for seed in found if seed in results.get(first, {})]
        costs = [found[s].cpu_seconds / results[first][s].cpu_seconds for s in shared]
        rows.append(
            (
                method,
                str(len(found)),
                _spread([study.times * row.last for row in found.values()]),
                _spread([study.times * row.best for row in found.values()]),
                f'{mean(costs):.2f}x' if costs else NONE,
            )
        )
    return rows


def differences(study: Study, results: Results) -> list[tuple[str, ...]]:
    """Header and one row for each comparison."""
    rows: list[tuple[str, ...]] = [
        ('difference', 'seeds', 'last', '95 % interval', 'best', '95 % interval')
    ]
    for method, baseline in study.comparisons:
        last, best = (paired(results, method, baseline, c) for c in ('last', 'best'))
        cells = [*_cells(last, study.times), *_cells(best, study.times)]
        rows.append((f'{method} - {baseline}', str(last.count), *cells))
    return rows


def _cells(found: Interval, times: float) -> tuple[str, str]:
    if found.mean is None:
        return NONE, NONE
    center = times * found.mean
    if found.half is None:
        return f'{center:+.2f}', NONE
    half = times * found.half
    return f'{center:+.2f}', f'{center - half:+.2f} to {center + half:+.2f}'


def _spread(values: Sequence[float]) -> str:
    if not values:
        return NONE
    if len(values) == 1:
        return f'{values[0]:.2f}'
    return f'{mean(values):.2f} ± {stdev(values):.2f}'


def report(study: Study, results: Results, seeds: Sequence[int]) -> str:
    """The whole report.

    Args:
        study: The study.
        results: What is finished.
        seeds: Those that were asked for.
    """
    missing = [
        f'{method} {seed}'
        for seed in seeds
        for method in study.methods
        if seed not in results.get(method, {})
    ]
    total = len(study.methods) * len(seeds)
    done = f'{total - len(missing)} of {total} trainings are done'
    stacks = {row.versions for rows in results.values() for row in rows.values()}
    if len(stacks) > 1:
        done += f' (with packages of different versions: {"; ".join(sorted(stacks))})'
    times = f', times {study.times:g}' if study.times != 1 else ''
    return '\n\n'.join(
        [
            f'# {study.name}',
            f'{done}; missing (method and seed): {", ".join(missing)}.'
            if missing
            else f'{done}.',
            markdown_table(summary(study, results)),
            f'Last and best: `{study.metric}`{times}, mean ± standard deviation over '
            'seeds. Best is chosen on the images it is reported for. Cost: CPU time of '
            f'the whole process, relative to {next(iter(study.methods))}.',
            markdown_table(differences(study, results)),
            'Differences are taken seed by seed. The intervals are those of '
            "Student's t, one comparison at a time.",
            f'![Every training, and the differences]({study.name}.png)',
        ]
    )


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
        found = paired(results, method, baseline, 'last')
        if found.mean is not None:
            error = None if found.half is None else study.times * found.half
            center = study.times * found.mean
            right.errorbar(center, height, xerr=error, fmt='ks', ms=4, capsize=4)
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
