"""What a study's table shows: means, paired differences, costs."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from ..text_tables import markdown_table
from .interval import Interval
from .picture import draw
from .results import Results, paired, results_of
from .study import Study
from .table import find_rows, read_table
from .verdict import verdicts

NONE = '-'
COSTS = {
    'cpu_seconds': 'CPU time of the whole process',
    'seconds': 'time in training iterations, on the clock',
}


def write_report(study: Study, table: Path, out: Path, seeds: Sequence[int]) -> Path:
    """Write report and picture of what the table holds.

    Args:
        study: The study.
        table: CSV file of finished trainings.
        out: Folder of both.
        seeds: Those that were asked for.

    Returns:
        Path of the report.
    """
    rows = find_rows(read_table(table), study.trials(seeds), study.metric)
    results = results_of(rows)
    path = out / f'{study.name}.md'
    draw(study, results, path.with_suffix('.png'))
    path.write_text(report(study, results, seeds) + '\n')
    return path


def summary(study: Study, results: Results) -> list[tuple[str, ...]]:
    """Header and one row for each method.

    The cost is a mean over the seeds that a method shares with the first.
    """
    first = next(iter(study.methods))
    rows: list[tuple[str, ...]] = [('method', 'seeds', 'last', 'best', 'cost')]
    for method in study.methods:
        found = results.get(method, {})
        shared = [seed for seed in found if seed in results.get(first, {})]
        costs = [
            getattr(found[s], study.cost) / getattr(results[first][s], study.cost)
            for s in shared
        ]
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
        last, best = (
            paired(results, method, baseline, column).times(study.times)
            for column in ('last', 'best')
        )
        cells = [*_cells(last), *_cells(best)]
        rows.append((f'{method} - {baseline}', str(last.count), *cells))
    return rows


def _cells(found: Interval) -> tuple[str, str]:
    if found.mean is None:
        return NONE, NONE
    if found.bounds is None:
        return f'{found.mean:+.2f}', NONE
    return f'{found.mean:+.2f}', '{:+.2f} to {:+.2f}'.format(*found.bounds)


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
            '\n'.join(f'- {sentence}' for sentence in verdicts(study, results)),
            markdown_table(summary(study, results)),
            f'Last and best: `{study.metric}`{times}, mean ± standard deviation over '
            'seeds. Best is chosen on the images it is reported for. Cost: '
            f'{COSTS[study.cost]}, relative to {next(iter(study.methods))}.',
            markdown_table(differences(study, results)),
            'Differences are taken seed by seed. The intervals are those of '
            "Student's t, one comparison at a time. The numbers of seeds above "
            'would show such a difference in four cases of five.',
            f'![Every training, and the differences]({study.name}.png)',
        ]
    )
