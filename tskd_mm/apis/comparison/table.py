"""The table of finished trainings: one line each, kept with the reports."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .trial import Trial

# Both stacks import these names, but call their distributions differently.
MODULES = ('torch', 'mmcv', 'mmengine', 'mmdet', 'mmpretrain', 'tskd_mm')


@dataclass(frozen=True)
class Row:
    """What is kept of a training.

    Attributes:
        study: For which it was run first.
        method: Its name there.
        seed: Of the training.
        metric: Name of the validation metric.
        epochs: Trained.
        last: The metric after the last epoch.
        best: Best of all validations.
        seconds: In training iterations, on a clock, while other work ran too.
        cpu_seconds: Of the whole process, on all its cores; of a resumed training, of
            the last one.
        versions: Of the packages.
        fingerprint: Of the config.
    """

    study: str
    method: str
    seed: int
    metric: str
    epochs: int
    last: float
    best: float
    seconds: float
    cpu_seconds: float
    versions: str
    fingerprint: str


def versions() -> str:
    """Versions of the packages that a training depends on, as far as installed."""
    found = [import_module(name) for name in MODULES if find_spec(name)]
    return ' '.join(f'{module.__name__}={module.__version__}' for module in found)


def read_table(path: Path) -> list[Row]:
    """All rows; none if there is no table yet.

    Raises:
        ValueError: If the columns are others, or a row was cut off.
    """
    if not path.is_file():
        return []
    names = [field.name for field in fields(Row)]
    with path.open(newline='') as file:
        header, *lines = [*csv.reader(file)] or [names]
    if header != names:
        raise ValueError(
            f'{path} must have the columns {",".join(names)}, but has '
            f'{",".join(header)}: give another --table'
        )
    for number, line in enumerate(lines, 2):
        if len(line) != len(names):
            raise ValueError(
                f'{path}, line {number}: expected {len(names)} values, but got '
                f'{len(line)}: remove the line to train again, or complete it'
            )
    numbers = {field.name: field.type for field in fields(Row) if field.type is not str}
    return [_row(dict(zip(names, line)), numbers) for line in lines]


def _row(texts: dict[str, str], numbers: dict[str, Any]) -> Row:
    return Row(**texts | {name: kind(texts[name]) for name, kind in numbers.items()})


def add_row(path: Path, row: Row) -> None:
    """Add a training to the table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('a', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        if not file.tell():
            writer.writerow(field.name for field in fields(Row))
        writer.writerow(astuple(row))


def metric_of(rows: Iterable[Row], trials: Iterable[Trial]) -> str:
    """The metric of the first training of these that is finished, or empty."""
    marks = {(trial.fingerprint, trial.seed) for trial in trials}
    found = (row.metric for row in rows if (row.fingerprint, row.seed) in marks)
    return next(found, '')


def find_rows(
    rows: Iterable[Row], trials: Iterable[Trial], metric: str
) -> dict[Trial, Row]:
    """The rows of those trainings that are finished with the same config.

    The config counts, not the names: what two studies have in common is trained once.

    Args:
        rows: Of a table.
        trials: To look for.
        metric: That the rows must be of.
    """
    known = {(row.fingerprint, row.seed): row for row in rows if row.metric == metric}
    found = {trial: known.get((trial.fingerprint, trial.seed)) for trial in trials}
    return {trial: row for trial, row in found.items() if row is not None}
