"""Ends a tool with a message instead of a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """Inside, an error that a user can correct ends the program with its message."""
    try:
        yield
    except (FloatingPointError, OSError, TypeError, ValueError) as error:
        sys.exit(str(error))
