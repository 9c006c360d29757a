"""Plots losses and validation metric of training runs over time.

Where a run has a TSKDMemoryHook its memories are marked and its reviews shaded. A
single run also shows each of its losses.

Example:
    python tools/analysis_tools/plot.py work_dirs/my_detector work_dirs/my_tskd_config
"""

import argparse
from pathlib import Path

from tskd_mm.apis.errors_as_messages import errors_as_messages
from tskd_mm.apis.run_curves import plot_runs
from tskd_mm.apis.run_scalars import read_scalars


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dirs', nargs='+', type=Path, metavar='WORK_DIR')
    parser.add_argument(
        '--out', type=Path, help='PNG to write; default: curves.png in the last folder'
    )
    parser.add_argument('--metric', help='of the validation; default: the first')
    return parser.parse_args()


@errors_as_messages()
def main() -> None:
    args = parse_args()
    out = args.out or args.work_dirs[-1] / 'curves.png'
    plot_runs([read_scalars(d) for d in args.work_dirs], out, args.metric)
    print(f'{out}: written')


if __name__ == '__main__':
    main()
