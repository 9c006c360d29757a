"""Runs a comparison as a command: what it prints, and how it ends."""

import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors_as_messages import errors_as_messages
from .trial import Trial


def run_command(compare: Callable[[], tuple[Path, Sequence[Trial]]]) -> None:
    """Print the report; end with a line on errors, failures and interruptions.

    Args:
        compare: Trains what is missing; returns the report's path and what has failed.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
    try:
        with errors_as_messages():
            path, failed = compare()
    except KeyboardInterrupt:
        sys.exit('\ninterrupted: run the same command again to continue')
    print(f'\n{path.read_text()}\nwritten to {path}')
    if failed:
        sys.exit(f'failed: {", ".join(map(str, failed))}; the same command tries again')
