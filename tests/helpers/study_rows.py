"""Rows of a study's table."""

from tskd_mm.apis.comparison.table import Row


def row(method: str, seed: int, last: float, **changes: object) -> Row:
    """A finished training of the study 'toy'."""
    values = {
        'study': 'toy',
        'method': method,
        'seed': seed,
        'metric': 'acc',
        'epochs': 1,
        'last': last,
        'best': last + 1,
        'seconds': 60.0,
        'cpu_seconds': 100.0,
        'versions': 'a=1 b=2',
        'fingerprint': method,
    }
    return Row(**values | changes)
