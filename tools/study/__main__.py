"""Trains a grid of methods and seeds, and reports what can be concluded from it.

A study is a small file: a metric, methods with a config each, seeds, and the pairs of
methods to compare; see configs/study/. Each training has its own process with one
thread. All methods are trained with one seed before the next seed begins. Finished
trainings are kept in a table: run the same command again to continue.

Example, from the project's folder:
    python -m tools.study configs/study/person.py --data data --jobs 2
"""

import argparse
import os
from pathlib import Path

from tskd_mm.apis.comparison.command import run_command
from tskd_mm.apis.comparison.grid import Grid
from tskd_mm.apis.comparison.report import write_report
from tskd_mm.apis.comparison.trial import Trial
from tskd_mm.apis.positive import positive

from .read_study import ROOT, read_study


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tools.study',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('study', type=Path, help='file of the study')
    parser.add_argument(
        '--data', type=Path, default=Path('data'), help='folder of images and weights'
    )
    parser.add_argument(
        '--jobs', type=positive(int), default=1, help='trainings at a time'
    )
    parser.add_argument('--seeds', type=int, nargs='+', help="default: the study's own")
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/study'), help='of all it writes'
    )
    parser.add_argument(
        '--table', type=Path, help='CSV file of finished trainings; default: in --out'
    )
    parser.add_argument(
        '--report-only', action='store_true', help='of what is finished; train nothing'
    )
    return parser.parse_args()


def run_study(args: argparse.Namespace) -> tuple[Path, list[Trial]]:
    """Train what is missing and write the report.

    Returns:
        Path of the report, and the trainings that failed.
    """
    os.environ.pop('TSKD_DATA', None)  # a config is the same wherever the data is
    study = read_study(args.study)
    seeds = args.seeds or study.seeds
    out = args.out.absolute()
    table = (args.table or out / 'runs.csv').absolute()
    # The configs import what lies next to the study's file.
    places = str(args.study.resolve().parent), os.environ.get('PYTHONPATH')
    variables = {
        'TSKD_DATA': str(args.data.absolute()),
        'PYTHONPATH': os.pathsep.join(filter(None, places)),
    }
    grid = Grid(study, table, out, ROOT / 'tools/train.py', variables)
    trials = [] if args.report_only else [*study.trials(seeds)]
    failed = grid.run(trials, args.jobs) if trials else []
    return write_report(study, table, out, seeds), failed


def main() -> None:
    args = parse_args()
    run_command(lambda: run_study(args))


if __name__ == '__main__':
    main()
