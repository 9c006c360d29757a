"""Trains what a study's table does not hold yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmengine.runner import find_latest_checkpoint

from ...engine.preflight.main_metric import main_metric
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
            Those that failed, in their order.

        Raises:
            ValueError: If a training has no such validation metric.
        """
        done = find_rows(read_table(self.table), trials, self.study.metric)
        waiting = {str(trial): trial for trial in trials if trial not in done}
        say(self.study.name, f'{len(done)} trainings known, {len(waiting)} to do')
        failed: set[str] = set()

        def when_ended(training: TrainingProcess, ended: Ended) -> None:
            if not self._finish(waiting[training.name], training, ended):
                failed.add(training.name)

        trainings = [self._training(trial) for trial in waiting.values()]
        run_trainings(trainings, jobs, when_ended)
        return [trial for name, trial in waiting.items() if name in failed]

    def _training(self, trial: Trial) -> TrainingProcess:
        name = f'seed{trial.seed}-{trial.fingerprint}'
        work_dir = self.out / trial.study / trial.method / name
        command = [str(self.tool), *trial.arguments(work_dir)]
        resumes = self.study.resumes and has_checkpoint(work_dir)
        if resumes:
            command.append('--resume')
        place = trial.root, work_dir, trial.length
        return TrainingProcess(str(trial), command, *place, self.variables, resumes)

    def _finish(self, trial: Trial, training: TrainingProcess, ended: Ended) -> bool:
        """Write down what came out; whether it was a result."""
        took = clock(ended.seconds)
        if ended.code:
            say(str(trial), failure(f'after {took} the training', training.log))
            return False
        scalars = read_scalars(training.work_dir)
        metric = self.study.metric or main_metric(scalars.metric_names)
        values = [float(value) for _, value in scalars.metrics(metric)]
        if not values:
            raise ValueError(
                f'{trial} has no validation metric {metric!r}, but '
                f'{", ".join(scalars.metric_names) or "none at all"}: choose from these'
            )
        best = max(values, key=replace(self.study, metric=metric).gain)
        row = Row(
            study=trial.study,
            method=trial.method,
            seed=trial.seed,
            metric=metric,
            epochs=trial.length,
            last=round(values[-1], 6),
            best=round(best, 6),
            seconds=round(scalars.seconds(), 1),
            cpu_seconds=round(ended.cpu_seconds, 2),
            versions=versions(),
            fingerprint=trial.fingerprint,
        )
        add_row(self.table, row)
        say(str(trial), f'done in {took}: last {row.last:.4g}, best {row.best:.4g}')
        return True


def has_checkpoint(work_dir: Path) -> bool:
    """Whether a training there can be resumed."""
    if not (work_dir / 'last_checkpoint').is_file():
        return False
    return Path(find_latest_checkpoint(str(work_dir)) or '').is_file()
