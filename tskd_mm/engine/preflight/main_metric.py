"""Which of several validation metrics stands for all."""

from collections.abc import Iterable

HEADLINES = ('mAP', 'top1')  # others can be of a single class


def main_metric(names: Iterable[str]) -> str:
    """The first with a headline's name, else the first; empty if there is none."""
    found = sorted(names, key=lambda name: not name.endswith(HEADLINES))
    return found[0] if found else ''
