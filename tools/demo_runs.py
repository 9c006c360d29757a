"""Runs the trainings of the demo, each as a process of its own."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from demo_screen import ap_so_far, clock, progress, say, show, stop_with_log
from mmengine.config import Config
from scalars import read_scalars

ROOT = Path(__file__).resolve().parents[1]
RECORD = 'run.json'
POLL = 1.0  # seconds between two looks at a training
# By default glibc gives the memory of large arrays back at once, and has it zeroed for
# the next ones: an eighth of the time of a step of the study of persons.
KEEP_MEMORY = {
    'MALLOC_MMAP_THRESHOLD_': str(2**32),
    'MALLOC_TRIM_THRESHOLD_': str(2**33),
    'MALLOC_TOP_PAD_': str(2**28),
}


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

    def train_command(self) -> list[str]:
        """Arguments for Python, from the project's folder."""
        command = ['tools/train.py', self.config, '--work-dir', str(self.work_dir)]
        if self.teacher:
            option = f'model.teacher_checkpoint={self.teacher.checkpoint}'
            command += ['--cfg-options', option]
        return command

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


def train(runs: Sequence[Run], data: str) -> None:
    """Train side by side, but nothing that has been finished before.

    Shows one line that is kept up to date.

    Args:
        runs: The trainings; none teaches another.
        data: Describes the data that they see.
    """
    marks = {run.name: run.fingerprint(data) for run in runs}
    waiting = [run for run in runs if not _finished(run, marks[run.name])]
    for run in runs:
        if run not in waiting:
            say(run.method, 'reused, config and data are unchanged')
    started = time.monotonic()
    processes = {run.name: _start_training(run, marks[run.name]) for run in waiting}
    try:
        while waiting:
            time.sleep(POLL)
            seconds = time.monotonic() - started
            for run in [r for r in waiting if processes[r.name].poll() is not None]:
                waiting.remove(run)
                _finish(run, processes[run.name].returncode, marks[run.name], seconds)
            lines = [progress(r.method, r.work_dir, r.epochs, seconds) for r in waiting]
            show('  ' + '; '.join(lines))
    finally:
        for process in processes.values():
            process.kill()  # nothing if it has ended
            process.wait()


def _start_training(run: Run, mark: str) -> subprocess.Popen:
    make_room(run.work_dir, RECORD)
    _record(run, {'fingerprint': mark, 'finished': False})
    return start_python(run.train_command(), run.work_dir / 'train.log')


def _finish(run: Run, status: int, mark: str, seconds: float) -> None:
    show('')
    if status:
        stop_with_log(f'the training of {run.method}', run.work_dir / 'train.log')
    _record(run, {'fingerprint': mark, 'finished': True, 'seconds': seconds})
    ap = ap_so_far(read_scalars(run.work_dir), ', ')
    say(run.method, f'done in {clock(seconds)}{ap}')


def test(run: Run, config: str) -> dict[str, float]:
    """COCO metrics of the last checkpoint; kept beside it for the next time."""
    folder = run.work_dir / 'test'
    kept = folder / 'metrics.json'
    if not kept.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        show(f'  {run.method}: test')
        if start_python(run.test_command(config), folder / 'test.log').wait():
            stop_with_log(f'the test of {run.method}', folder / 'test.log')
        (found,) = folder.glob('*/*.json')
        shutil.copy(found, kept)
        show('')
    return json.loads(kept.read_text())


def start_python(
    command: Sequence[str], log: Path, variables: Mapping[str, str] = {}
) -> subprocess.Popen:
    """Start this Python with one thread, from the project's folder.

    Args:
        command: Its arguments.
        log: File of all that it says.
        variables: Set in its environment.
    """
    with log.open('w') as file:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            # One thread each: two trainings side by side fill two cores better than
            # one with two threads, and the numbers do not depend on the machine's.
            env={
                **os.environ,
                'OMP_NUM_THREADS': '1',
                **KEEP_MEMORY,
                'PYTHONWARNINGS': 'ignore',
                **variables,
            },
        )


def _finished(run: Run, mark: str) -> bool:
    record = run.work_dir / RECORD
    if not record.is_file() or not run.checkpoint.is_file():
        return False
    found = json.loads(record.read_text())
    return found['finished'] and found['fingerprint'] == mark


def _record(run: Run, content: dict) -> None:
    (run.work_dir / RECORD).write_text(json.dumps(content) + '\n')


def make_room(work_dir: Path, mark: str) -> None:
    """Make an empty folder for a training, but only where none or an old one was.

    Args:
        work_dir: The folder.
        mark: File that says of a folder that a training of ours was there.
    """
    if work_dir.exists() and any(work_dir.iterdir()):
        if not (work_dir / mark).is_file():
            sys.exit(
                f'{work_dir} is in the way: it holds files, but no {mark} of an '
                'earlier training; give another --out or move it away'
            )
        shutil.rmtree(work_dir)
    work_dir.mkdir(parents=True, exist_ok=True)
