"""Trains what a study's table does not hold yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..progress_line import clock, say
from ..run_scalars import read_scalars
from ..training_process import Ended, TrainingProcess, failure, run_trainings
from .study import Study
from .table import Row, add_row, find_rows, read_table, versions
from .trial import Trial


@dataclass
class Grid:
    """Runs the trials of a study.

    Attributes:
        study: The study.
        table: CSV file of finished trainings.
        out: Folder of the trainings.
        tool: The ``train.py`` to train with.
        variables: Set in the environment of the trainings.
    """

    study: Study
    table: Path
    out: Path
    tool: Path
    variables: Mapping[str, str] = field(default_factory=dict)

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
        command = [str(self.tool), *trial.arguments(work_dir)]
        return TrainingProcess(
            str(trial), command, trial.root, work_dir, trial.length, self.variables
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
            epochs=trial.length,
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
