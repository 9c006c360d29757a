"""Errors whose whole text is part of the test."""

import re
from contextlib import AbstractContextManager

import pytest


def refused(
    text: str, error: type[Exception] = ValueError
) -> AbstractContextManager[object]:
    """A block that must raise this error with exactly this text, ``…`` being any."""
    pattern = '(?s:.*)'.join(map(re.escape, text.split('…')))
    return pytest.raises(error, match=f'^{pattern}$')
