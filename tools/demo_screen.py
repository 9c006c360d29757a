"""What the demo shows while it runs."""

import shutil
import sys
from pathlib import Path

from scalars import RunScalars, read_scalars

METRIC = 'coco/bbox_mAP'
BAR = 10  # characters of a progress bar
TAIL = 25  # lines of the log that are shown after a failure


def stop_with_log(what: str, log: Path) -> None:
    """End the demo with the last lines of a log."""
    sys.exit(f'{log_tail(log)}\n\n{what} failed; the whole log is {log}')


def log_tail(log: Path) -> str:
    """The last lines of a log."""
    return '\n'.join(log.read_text(errors='replace').splitlines()[-TAIL:])


def clock(seconds: float) -> str:
    """``75`` as ``1:15``."""
    minutes, rest = divmod(round(seconds), 60)
    return f'{minutes}:{rest:02d}'


def progress(method: str, work_dir: Path, epochs: int, elapsed: float) -> str:
    """How far a training is.

    Args:
        method: Its name for people.
        work_dir: Its folder.
        epochs: How many it will have.
        elapsed: Seconds since its start.
    """
    try:
        scalars = read_scalars(work_dir)
        last = next(reversed(scalars.train.values()))
    except (FileNotFoundError, StopIteration):
        return f'{method} starting'
    share = last['step'] / (scalars.iters_per_epoch * epochs)
    left = clock(elapsed * (1 - share) / share)
    ap = ap_so_far(scalars, ' ')
    return f'{method} {bar(share)} {last["epoch"]}/{epochs}{ap}, {left} left'


def bar(share: float) -> str:
    """A progress bar.

    Args:
        share: What is done, 0 to 1.
    """
    done = round(share * BAR)
    return f'[{"#" * done}{"." * (BAR - done)}]'


def ap_so_far(scalars: RunScalars, lead: str) -> str:
    """The last validation's AP behind ``lead``; nothing before the first."""
    points = scalars.metrics(METRIC)
    return f'{lead}AP {points[-1][1]:.3f}' if points else ''


def say(method: str, text: str) -> None:
    """A line that stays."""
    print(f'  {method:<20} {text}', flush=True)


def show(text: str) -> None:
    """Overwrite the line, where there is a screen."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f'\r{text[:width]:<{width}}\r', end='', flush=True)
