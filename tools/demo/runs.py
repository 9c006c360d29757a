"""The trainings of the demo."""

import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmengine.config import Config

from tskd_mm.apis.progress_line import clock, last_metric, say, show
from tskd_mm.apis.run_scalars import read_scalars
from tskd_mm.apis.training_process import (
    Ended,
    TrainingProcess,
    failure,
    run_trainings,
    start_python,
)

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = 'configs/demo'
STUDENT = f'{CONFIGS}/retinanet_student.py'
METRIC = 'coco/bbox_mAP'
RECORD = 'run.json'  # of a training that has ended well


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        name: Of its folder.
        method: For people.
        config: Path of the config from the project's folder.
        work_dir: Where everything about it goes.
        teacher: Run whose last checkpoint teaches it.
    """

    name: str
    method: str
    config: str
    work_dir: Path
    teacher: 'Run | None' = None

    @cached_property
    def content(self) -> Config:
        """The config as the run uses it."""
        config = Config.fromfile(ROOT / self.config, import_custom_modules=False)
        if self.teacher:
            config.model.teacher_checkpoint = str(self.teacher.checkpoint)
        return config

    @property
    def epochs(self) -> int:
        """Epochs of the schedule."""
        return self.content.train_cfg.max_epochs

    @property
    def checkpoint(self) -> Path:
        """Student (or teacher) at the end of the training."""
        return self.work_dir / f'epoch_{self.epochs}.pth'

    @property
    def file(self) -> str:
        """What it trains with: its config, or one that names the teacher too."""
        return str(self.work_dir.with_suffix('.py')) if self.teacher else self.config

    def write_file(self) -> None:
        """Write the file where it is not the config itself."""
        if self.teacher:  # as an option the path would lose its spaces
            model = {'teacher_checkpoint': str(self.teacher.checkpoint)}
            text = f'_base_ = {str(ROOT / self.config)!r}\nmodel = {model}\n'
            Path(self.file).write_text(text)

    def train_command(self) -> list[str]:
        """Arguments for Python, from the project's folder."""
        return ['tools/train.py', self.file, '--work-dir', str(self.work_dir)]

    def test_command(self, config: str) -> list[str]:
        """Tests the last checkpoint with a config of the host alone."""
        folder = str(self.work_dir / 'test')
        return ['tools/test.py', config, str(self.checkpoint), '--work-dir', folder]

    def fingerprint(self, data: str) -> str:
        """Changes with the config, the data and the teacher."""
        parts = [json.dumps(self.content.to_dict(), sort_keys=True), data]
        if self.teacher:
            parts.append(self.teacher.fingerprint(data))
        return hashlib.sha256('\n'.join(parts).encode()).hexdigest()

    def is_finished(self, mark: str) -> bool:
        """Whether it ended well, with this fingerprint."""
        record = self.work_dir / RECORD
        if not record.is_file() or not self.checkpoint.is_file():
            return False
        return json.loads(record.read_text()) == {'fingerprint': mark}


def make_runs(out: Path) -> list[Run]:
    """The trainings in order."""
    teacher = Run(
        'teacher', 'teacher', f'{CONFIGS}/retinanet_teacher.py', out / 'teacher'
    )
    alone = Run('student', 'student alone', STUDENT, out / 'student')
    distilled = [
        Run(name, method, f'{CONFIGS}/retinanet_{name}.py', out / name, teacher)
        for name, method in (('static', 'static distillation'), ('tskd', 'TSKD'))
    ]
    return [teacher, alone, *distilled]


def student_config(run: Run) -> str:
    """Config of mmdet alone that fits the run's checkpoint."""
    return STUDENT if run.teacher else run.config


def train(runs: Sequence[Run], data: str) -> None:
    """Train side by side, but nothing that has been finished before.

    Args:
        runs: The trainings; none teaches another.
        data: Describes the data that they see.
    """
    marks = {run.method: run.fingerprint(data) for run in runs}
    trainings = []
    for run in runs:
        if run.is_finished(marks[run.method]):
            say(run.method, 'reused, config and data are unchanged')
            continue
        run.write_file()
        command = run.train_command()
        trainings.append(
            TrainingProcess(run.method, command, ROOT, run.work_dir, run.epochs)
        )

    def when_ended(training: TrainingProcess, ended: Ended) -> None:
        if ended.code:
            sys.exit(failure(f'the training of {training.name}', training.log))
        record = {'fingerprint': marks[training.name]}
        (training.work_dir / RECORD).write_text(json.dumps(record) + '\n')
        metric = last_metric(read_scalars(training.work_dir))
        say(training.name, f'done in {clock(ended.seconds)}{metric}')

    run_trainings(trainings, len(runs), when_ended)


def test(run: Run, config: str) -> dict[str, float]:
    """COCO metrics of the last checkpoint; kept with it for the next time."""
    folder = run.work_dir / 'test'
    kept = folder / 'metrics.json'
    if not kept.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        show(f'  {run.method}: test')
        log = folder / 'test.log'
        if start_python(run.test_command(config), ROOT, log).wait():
            sys.exit(failure(f'the test of {run.method}', log))
        (found,) = folder.glob('*/*.json')
        shutil.copy(found, kept)
        show('')
    return json.loads(kept.read_text())
