r"""Does it help on my data? Trains with and without a distillation, and compares.

The variants (arms) are made from the config of a distillation: `none`, the student
alone; `static`, with the static losses only; `tskd`, the config as it is, if it has a
review. Each --arm adds one with changes of the config. All are trained with the same
seeds, each in its own process with one CPU thread, and on its own GPU if there are
several. After an interruption run the same command again to continue.

Example:
    python tools/compare.py my_tskd_config.py --epochs 4 \
        --arm mgd "model.feature_losses=dict(_delete_=True, mgd=dict(type='MGDLoss'))" \
        --arm ema "custom_hooks+=dict(type='EMAHook')"
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tskd_mm.apis.comparison.arms import PLAIN, STATIC, TSKD
from tskd_mm.apis.comparison.command import run_command
from tskd_mm.apis.comparison.grid import Grid
from tskd_mm.apis.comparison.report import write_report
from tskd_mm.apis.comparison.short_schedule import shortening
from tskd_mm.apis.comparison.study_from_config import (
    config_arms,
    configured_metric,
    make_study,
    with_results,
)
from tskd_mm.apis.comparison.table import metric_of, read_table
from tskd_mm.apis.comparison.trial import Trial
from tskd_mm.apis.positive import positive
from tskd_mm.apis.read_config import read_config

TRAIN = Path(__file__).resolve().with_name('train.py')


def named_arms(words: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Options by the name of their arm.

    Raises:
        ValueError: If a name is missing, is no name of a folder, or is taken.
    """
    arms: dict[str, list[str]] = {}
    for name, *options in words:
        if not re.fullmatch(r'[\w.-]+', name) or not options:
            raise ValueError(
                f'--arm must be a name and changes, but got '
                f'{" ".join([name, *options])}: write --arm NAME KEY=VALUE'
            )
        if name in (PLAIN, STATIC, TSKD, *arms):
            raise ValueError(f'--arm {name}: the name is in use; choose another')
        arms[name] = options
    return arms


def compare(args: argparse.Namespace) -> tuple[Path, list[Trial]]:
    """Train what is missing and write the report.

    Returns:
        Path of the report, and the trainings that failed.
    """
    config = read_config(args.config)
    arms = config_arms(config, named_arms(args.arm), args.epochs)
    if args.epochs:
        print(shortening(config, arms.get(TSKD, arms[PLAIN])))
    out, name = args.out.absolute(), args.config.stem
    study = make_study(
        name,
        arms,
        out / name / 'configs',
        args.seeds,
        args.metric or configured_metric(config),
        args.resolve,
    )
    table, trials = out / 'runs.csv', [*study.trials()]
    metric = study.metric or metric_of(read_table(table), trials)
    grid = Grid(replace(study, metric=metric), table, out, TRAIN)
    failed = grid.run(trials, args.jobs)
    study = with_results(study, read_table(table))
    return write_report(study, table, out, study.seeds), failed


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', type=Path, help='config with a TSKDDistiller')
    parser.add_argument(
        '--arm',
        action='append',
        nargs='+',
        default=[],
        metavar=('NAME', 'KEY=VALUE'),
        help='one more arm: changes as for --cfg-options; KEY+=VALUE adds to a list',
    )
    parser.add_argument('--seeds', type=positive(int), default=3, help='how many')
    parser.add_argument(
        '--epochs',
        type=positive(int),
        help="of each training; default: the config's own. Schedules and the interval "
        'of TSKDMemoryHook are shortened in proportion',
    )
    parser.add_argument(
        '--metric',
        help='as in the log of a validation; default: that of save_best, else mAP, '
        'top-1 accuracy or the first',
    )
    parser.add_argument(
        '--resolve',
        type=positive(float),
        default=0.5,
        help='difference that is worth seeing, in the unit of the table',
    )
    parser.add_argument(
        '--jobs', type=positive(int), default=1, help='trainings at a time'
    )
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/compare'), help='of all it writes'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    run_command(lambda: compare(args))


if __name__ == '__main__':
    main()
