"""Keeps the logger quiet for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger


@contextmanager
def log_level(level: str) -> Iterator[None]:
    """Inside, the current logger leaves out what is below a level."""
    logger = MMLogger.get_current_instance()
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
