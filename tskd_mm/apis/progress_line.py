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


def progress(name: str, work_dir: Path, epochs: int, elapsed: float) -> str:
    """How far a training is: ``TSKD [####......] 2/5, bbox_mAP 0.123, 1:30 left``.

    Args:
        name: Of the training.
        work_dir: Its folder.
        epochs: How many it will have.
        elapsed: Seconds since its start.
    """
    try:
        scalars = read_scalars(work_dir)
        last = next(reversed(scalars.train.values()))
    except (FileNotFoundError, StopIteration):
        return f'{name} starting'
    share = last['step'] / (scalars.iters_per_epoch * epochs)
    done = round(share * BAR)
    bar = f'[{"#" * done}{"." * (BAR - done)}]'
    left = clock(elapsed * (1 - share) / share)
    return f'{name} {bar} {last["epoch"]}/{epochs}{last_metric(scalars)}, {left} left'


def last_metric(scalars: RunScalars) -> str:
    """``, bbox_mAP 0.123`` of the last validation; empty before the first."""
    names = scalars.metric_names
    if not names:
        return ''
    return f', {names[0].rpartition("/")[2]} {scalars.metrics(names[0])[-1][1]:.3f}'
