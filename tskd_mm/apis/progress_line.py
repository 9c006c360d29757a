"""One line on the screen that shows how far trainings are."""

import shutil
import sys
from pathlib import Path

from .run_scalars import RunScalars, read_scalars

BAR = 10  # characters of a progress bar


def say(name: str, text: str) -> None:
    """A line that stays."""
    print(f'  {name:<20} {text}', flush=True)


def show(text: str) -> None:
    """Overwrite the line, where there is a screen."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f'\r{text[:width]:<{width}}\r', end='', flush=True)


def clock(seconds: float) -> str:
    """``75`` as ``1:15``."""
    minutes, rest = divmod(round(seconds), 60)
    return f'{minutes}:{rest:02d}'


def share_done(work_dir: Path, length: int) -> float:
    """How far a training is, from 0 to 1.

    Args:
        work_dir: Its folder.
        length: How many epochs it will have, or iterations where it has no epochs.
    """
    return _share(_scalars(work_dir), length)


def progress(
    name: str, work_dir: Path, length: int, elapsed: float, begun: float = 0.0
) -> str:
    """How far a training is: ``TSKD [####......] 2/5, bbox_mAP 0.123, 1:30 left``.

    Args:
        name: Of the training.
        work_dir: Its folder.
        length: How many epochs it will have, or iterations where it has no epochs.
        elapsed: Seconds since its start.
        begun: The share that was done then, by a training that it resumes.
    """
    scalars = _scalars(work_dir)
    share = _share(scalars, length)
    if share <= begun:
        return f'{name} starting'
    last = next(reversed(scalars.train.values()))
    done = round(share * BAR)
    bar = f'[{"#" * done}{"." * (BAR - done)}]'
    left = clock(elapsed * (1 - share) / (share - begun))
    position = f'{last.get("epoch", last["step"])}/{length}'
    return f'{name} {bar} {position}{last_metric(scalars)}, {left} left'


def last_metric(scalars: RunScalars) -> str:
    """``, bbox_mAP 0.123`` of the last validation; empty before the first."""
    names = scalars.metric_names
    if not names:
        return ''
    return f', {names[0].rpartition("/")[2]} {scalars.metrics(names[0])[-1][1]:.3f}'


def _scalars(work_dir: Path) -> RunScalars:
    try:
        return read_scalars(work_dir)
    except FileNotFoundError:  # it is starting
        return RunScalars(work_dir.name)


def _share(scalars: RunScalars, length: int) -> float:
    return max(scalars.train, default=0) / (scalars.iters_per_epoch * length)
