"""The file of a small study."""

from pathlib import Path


def write_study(folder: Path, comparisons: str = '[]') -> Path:
    """Of one method, ``kd``, with the config ``kd.py``."""
    path = folder / 'mine.py'
    path.write_text(
        "metric = 'acc'\nseeds = [0]\nmethods = dict(kd=dict(config='kd.py'))\n"
        f'comparisons = {comparisons}\n'
    )
    return path
