"""Trains a grid of methods and seeds, and reports what can be said about them.

A study is a small file: a metric, methods with a config each, seeds, and the pairs of
methods to compare; see configs/study/. Each training is a process of its own with one
thread. All methods have their turn with one seed before the next seed begins, finished
trainings are kept in a table, and the same command goes on after an interruption.

Example:
    python tools/study.py configs/study/person.py --data data --jobs 2
"""

import argparse
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from demo_runs import make_room, start_python
from demo_screen import clock, log_tail, progress, say, show
from scalars import read_scalars
from study_plan import Study, Trial, read_study
from study_report import draw, report, results_of
from study_table import Row, add_row, find_rows, read_table, versions

POLL = 1.0  # seconds between two looks at the trainings
LOG = 'train.log'


@dataclass
class Training:
    """A trial that is running."""

    trial: Trial
    work_dir: Path
    process: Popen
    started: float

    def elapsed(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self.started

    def line(self) -> str:
        """How far it is."""
        epochs = self.trial.epochs
        return progress(str(self.trial), self.work_dir, epochs, self.elapsed())


@dataclass
class Grid:
    """Runs the trials of a study.

    Attributes:
        study: The study.
        table: CSV file of finished trainings.
        out: Folder of the trainings.
        data: Folder that the configs know as ``TSKD_DATA``.
    """

    study: Study
    table: Path
    out: Path
    data: Path

    def run(self, trials: Sequence[Trial], jobs: int) -> list[Trial]:
        """Train what the table does not hold yet.

        Args:
            trials: In the order to start them.
            jobs: How many at a time.

        Returns:
            Those that failed.
        """
        done = find_rows(read_table(self.table), trials, self.study.metric)
        waiting = deque(trial for trial in trials if trial not in done)
        say(self.study.name, f'{len(done)} trainings known, {len(waiting)} to do')
        running: list[Training] = []
        failed: list[Trial] = []
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    running.append(self._start(waiting.popleft()))
                time.sleep(POLL)
                show('; '.join(training.line() for training in running))
                for training in [*running]:
                    status = _poll(training.process)
                    if status is None:
                        continue
                    running.remove(training)
                    if not self._finish(training, *status):
                        failed.append(training.trial)
        finally:
            for training in running:
                training.process.kill()
                training.process.wait()
        return failed

    def _start(self, trial: Trial) -> Training:
        work_dir = self.out / trial.study / trial.method / f'seed{trial.seed}'
        make_room(work_dir, LOG)
        places = str(self.study.folder), os.environ.get('PYTHONPATH')
        variables = {
            'TSKD_DATA': str(self.data),
            'PYTHONPATH': os.pathsep.join(filter(None, places)),
        }
        process = start_python(trial.command(work_dir), work_dir / LOG, variables)
        return Training(trial, work_dir, process, time.monotonic())

    def _finish(self, training: Training, code: int, cpu_seconds: float) -> bool:
        """Write down what came out; whether it was a result."""
        show('')
        trial, took = training.trial, clock(training.elapsed())
        if code:
            log = training.work_dir / LOG
            say(str(trial), f'failed after {took}:\n{log_tail(log)}\nwhole log: {log}')
            return False
        scalars = read_scalars(training.work_dir)
        values = [value for _, value in scalars.metrics(self.study.metric)]
        if not values:
            say(str(trial), f'has no validation metric {self.study.metric}')
            return False
        row = Row(
            study=trial.study,
            method=trial.method,
            seed=trial.seed,
            metric=self.study.metric,
            epochs=trial.epochs,
            last=round(values[-1], 6),
            best=round(max(values), 6),
            seconds=round(scalars.seconds(), 1),
            cpu_seconds=round(cpu_seconds, 2),
            versions=versions(),
            fingerprint=trial.fingerprint,
        )
        add_row(self.table, row)
        say(str(trial), f'done in {took}: last {row.last:.4g}, best {row.best:.4g}')
        return True


def _poll(process: Popen) -> tuple[int, float] | None:
    """Exit code and CPU seconds of a process that has ended."""
    # Popen.poll would throw the times away.
    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if pid == 0:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def write_report(grid: Grid, seeds: Sequence[int]) -> Path:
    """Write report and plot of what the table holds.

    Returns:
        Path of the report.
    """
    study = grid.study
    rows = find_rows(read_table(grid.table), study.trials(seeds), study.metric)
    results = results_of(rows)
    path = grid.out / f'{study.name}.md'
    draw(study, results, path.with_suffix('.png'))
    path.write_text(report(study, results, seeds) + '\n')
    return path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('study', type=Path, help='file of the study')
    parser.add_argument(
        '--data', type=Path, default=Path('data'), help='folder of images and weights'
    )
    parser.add_argument('--jobs', type=int, default=1, help='trainings at a time')
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


def main() -> None:
    args = parse_args()
    os.environ.pop('TSKD_DATA', None)  # a config is the same wherever the data is
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
    try:
        study = read_study(args.study)
        seeds = args.seeds or study.seeds
        out = args.out.absolute()
        table = args.table or out / 'runs.csv'
        grid = Grid(study, table.absolute(), out, args.data.absolute())
        trials = [] if args.report_only else [*study.trials(seeds)]
        failed = grid.run(trials, args.jobs) if trials else []
        path = write_report(grid, seeds)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    print(f'\n{path.read_text()}\nwritten to {path}')
    if failed:
        sys.exit(f'failed: {", ".join(map(str, failed))}; the same command tries again')


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        sys.exit('\ninterrupted: the same command goes on')
