"""The demo's table and report."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tskd_mm.apis.progress_line import clock
from tskd_mm.apis.text_tables import markdown_table

HEADER = ('method', 'params', 'AP', 'AP50', 'best AP', 'training', 'cost')
# Both stacks import these names, but call their distributions differently.
MODULES = ('torch', 'mmcv', 'mmengine', 'mmdet', 'sklearn')


@dataclass(frozen=True)
class Result:
    """What was measured of one training.

    Attributes:
        method: For people.
        params: Trainable parameters of the model that is deployed.
        ap: COCO box AP at the end, 0 to 1.
        ap50: The same at IoU 0.5.
        best_ap: Highest AP of the validations on the way.
        seconds: Time in training iterations.
        reference: Whether the others' cost is relative to this one.
    """

    method: str
    params: int
    ap: float
    ap50: float
    best_ap: float
    seconds: float
    reference: bool = False


def table_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Header and one row for each result.

    Raises:
        ValueError: If not exactly one result is the reference.
    """
    references = [r for r in results if r.reference]
    if len(references) != 1:
        raise ValueError(
            f'exactly one result must be the reference, but {len(references)} are'
        )
    return [HEADER, *(_row(r, references[0].seconds) for r in results)]


def _row(result: Result, reference: float) -> tuple[str, ...]:
    return (
        result.method,
        f'{result.params / 1e3:.0f} k',
        *(f'{100 * ap:.1f}' for ap in (result.ap, result.ap50, result.best_ap)),
        clock(result.seconds),
        f'{result.seconds / reference:.2f}x',
    )


def write_report(
    path: Path,
    results: Sequence[Result],
    data: dict[str, int],
    seed: int,
    commands: Sequence[str],
    plots: dict[str, str],
) -> None:
    """Write the report.

    Args:
        path: Markdown file.
        results: Rows of the table, in order.
        data: Facts about the data by name.
        seed: Of the trainings.
        commands: What was run, in order.
        plots: File name by title.
    """
    versions = ', '.join(f'{m} {import_module(m).__version__}' for m in MODULES)
    reference = next(r.method for r in results if r.reference)
    sections = [
        '# Demo: digits, one teacher, one student trained three ways',
        markdown_table(table_rows(results)),
        'AP, AP50: COCO box metrics (x 100) on the validation images after the last '
        'epoch, tested with a config of mmdet alone. Best AP: highest of the '
        'validations on the way. Training: time in training iterations, two trainings '
        f'side by side. Cost: that time relative to "{reference}".',
        'One seed and a small synthetic set of real digits, not COCO val: differences '
        'of a point or so say nothing about other data or seeds. The weights of the '
        'distillation losses are published ones.',
        *(f'## {title}\n\n![{title}]({file})' for title, file in plots.items()),
        '## Data\n\n' + '\n'.join(f'- {name}: {n}' for name, n in data.items()),
        f'## Setup\n\n- seed of the trainings: {seed}\n- {versions}, Python '
        f'{platform.python_version()}',
        '## Commands\n\nFrom the folder of the project:\n\n```\n'
        + '\n'.join(commands)
        + '\n```',
    ]
    path.write_text('\n\n'.join(sections) + '\n')
