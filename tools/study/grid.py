"""Trains what a study's table does not hold yet."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tskd_mm.apis.progress_line import clock, say
from tskd_mm.apis.run_scalars import read_scalars
from tskd_mm.apis.training_process import (
    Ended,
    TrainingProcess,
    failure,
    run_trainings,
)

from .plan import ROOT, Study, Trial
from .table import Row, add_row, find_rows, read_table, versions


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
        waiting = {str(trial): trial for trial in trials if trial not in done}
        say(self.study.name, f'{len(done)} trainings known, {len(waiting)} to do')
        failed: list[Trial] = []

        def when_ended(training: TrainingProcess, ended: Ended) -> None:
            trial = waiting[training.name]
            if not self._finish(trial, training, ended):
                failed.append(trial)

        trainings = [self._training(trial) for trial in waiting.values()]
        run_trainings(trainings, jobs, when_ended)
        return failed

    def _training(self, trial: Trial) -> TrainingProcess:
        work_dir = self.out / trial.study / trial.method / f'seed{trial.seed}'
        places = str(self.study.folder), os.environ.get('PYTHONPATH')
        variables = {
            'TSKD_DATA': str(self.data),
            'PYTHONPATH': os.pathsep.join(filter(None, places)),
        }
        command = trial.command(work_dir)
        return TrainingProcess(
            str(trial), command, ROOT, work_dir, trial.epochs, variables
        )

    def _finish(self, trial: Trial, training: TrainingProcess, ended: Ended) -> bool:
        """Write down what came out; whether it was a result."""
        took = clock(ended.seconds)
        if ended.code:
            say(str(trial), failure(f'after {took} the training', training.log))
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
            cpu_seconds=round(ended.cpu_seconds, 2),
            versions=versions(),
            fingerprint=trial.fingerprint,
        )
        add_row(self.table, row)
        say(str(trial), f'done in {took}: last {row.last:.4g}, best {row.best:.4g}')
        return True
