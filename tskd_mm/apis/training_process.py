"""Runs trainings side by side, each as a process of its own."""

import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .progress_line import progress, share_done, show
from .spread_over_gpus import spread_over_gpus

LOG = 'train.log'
POLL = 1.0  # seconds between two looks at the trainings
TAIL = 25  # lines of the log that are shown after a failure
# By default glibc gives the memory of large arrays back at once, and has it zeroed for
# the next ones: an eighth of the time of a step of the study of persons.
KEEP_MEMORY = {
    'MALLOC_MMAP_THRESHOLD_': str(2**32),
    'MALLOC_TRIM_THRESHOLD_': str(2**33),
    'MALLOC_TOP_PAD_': str(2**28),
}


@dataclass(frozen=True)
class TrainingProcess:
    """A training to run.

    Attributes:
        name: For people.
        command: Arguments for Python.
        cwd: Folder in which it runs.
        work_dir: Folder for all that it writes; emptied, if a training was there.
        length: How many epochs it will have, or iterations where it has no epochs.
        variables: Set in its environment.
        resumes: It goes on with what its folder holds, which is not emptied.
    """

    name: str
    command: Sequence[str]
    cwd: Path
    work_dir: Path
    length: int
    variables: Mapping[str, str] = field(default_factory=dict)
    resumes: bool = False

    @property
    def log(self) -> Path:
        """File of all that it prints."""
        return self.work_dir / LOG


@dataclass(frozen=True)
class Ended:
    """How a training ended.

    Attributes:
        code: Its exit code; 0 is success.
        seconds: From its start, on the clock.
        cpu_seconds: Of the whole process, on all its cores.
    """

    code: int
    seconds: float
    cpu_seconds: float


class _Running:
    """A training that has been started."""

    def __init__(self, training: TrainingProcess, place: Mapping[str, str]) -> None:
        if not training.resumes:
            make_room(training.work_dir)
        self.training, self.place = training, place
        self.begun = share_done(training.work_dir, training.length)
        self.started = time.monotonic()
        variables = {**training.variables, **place}
        self.process = start_python(
            training.command, training.cwd, training.log, variables
        )

    def line(self) -> str:
        one = self.training
        elapsed = time.monotonic() - self.started
        return progress(one.name, one.work_dir, one.length, elapsed, self.begun)

    def poll(self) -> Ended | None:
        # Popen.poll would throw the CPU time away.
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if pid == 0:
            return None
        self.process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - self.started
        spent = usage.ru_utime + usage.ru_stime
        return Ended(self.process.returncode, seconds, spent)


def run_trainings(
    trainings: Sequence[TrainingProcess],
    at_a_time: int,
    when_ended: Callable[[TrainingProcess, Ended], None],
) -> None:
    """Run all of them, and show one line that is kept up to date.

    Args:
        trainings: In the order to start them.
        at_a_time: How many run side by side; where there are several GPUs, each on one.
        when_ended: Called with each that has ended. If it raises, or the program is
            interrupted, those that still run are killed.
    """
    waiting = deque(trainings)
    places: deque[Mapping[str, str]] = deque(spread_over_gpus(at_a_time))
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and places:
                running.append(_Running(waiting.popleft(), places.popleft()))
            time.sleep(POLL)
            show('  ' + '; '.join(one.line() for one in running))
            for one in [*running]:
                ended = one.poll()
                if ended is not None:
                    running.remove(one)
                    places.append(one.place)
                    show('')
                    when_ended(one.training, ended)
    finally:
        for one in running:
            one.process.kill()
            one.process.wait()


def start_python(
    command: Sequence[str], cwd: Path, log: Path, variables: Mapping[str, str] = {}
) -> subprocess.Popen:
    """Start this Python with one thread.

    Args:
        command: Its arguments.
        cwd: Folder in which it runs.
        log: File to which all is added that it prints.
        variables: Set in its environment.
    """
    # One thread each: two trainings side by side fill two cores better than one with
    # two threads, and the numbers do not depend on the machine's.
    settings = {'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore', **KEEP_MEMORY}
    with log.open('a') as file:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings, **variables},
        )


def make_room(work_dir: Path) -> None:
    """Make an empty folder for a training, but only where none or an old one was.

    Ends the program with one line where the folder holds other files.
    """
    if work_dir.exists() and any(work_dir.iterdir()):
        if not (work_dir / LOG).is_file():
            sys.exit(
                f'{work_dir} is in the way: it holds files, but no {LOG} of an '
                'earlier training; give another --out or move it away'
            )
        shutil.rmtree(work_dir)
    work_dir.mkdir(parents=True, exist_ok=True)


def failure(what: str, log: Path) -> str:
    """The last lines of a log, and where the whole of it is."""
    lines = log.read_text(errors='replace').splitlines()[-TAIL:]
    return '\n'.join([*lines, '', f'{what} failed; the whole log is {log}'])
