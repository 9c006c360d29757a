"""Numbers of a command line that must be above 0."""

import argparse
from collections.abc import Callable


def positive(kind: type[float]) -> Callable[[str], float]:
    """Reads a number of some kind above 0."""

    def read(text: str) -> float:
        number = kind(text)
        if number <= 0:
            raise argparse.ArgumentTypeError(
                f'must be above 0, but got {number}; give more'
            )
        return number

    read.__name__ = kind.__name__  # argparse names it where the text is no number
    return read
