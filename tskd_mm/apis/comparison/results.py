"""Finished trainings by method and seed, and their paired differences."""

from collections.abc import Mapping

from .interval import Interval, interval
from .table import Row
from .trial import Trial

Results = Mapping[str, Mapping[int, Row]]  # by method, then seed


def results_of(rows: Mapping[Trial, Row]) -> Results:
    """The rows of trials by method and seed."""
    results: dict[str, dict[int, Row]] = {}
    for trial, row in rows.items():
        results.setdefault(trial.method, {})[trial.seed] = row
    return results


def paired(results: Results, method: str, baseline: str, column: str) -> Interval:
    """Differences of two methods on the seeds that both have."""
    ours, theirs = results.get(method, {}), results.get(baseline, {})
    seeds = [seed for seed in ours if seed in theirs]
    return interval(
        [getattr(ours[s], column) - getattr(theirs[s], column) for s in seeds]
    )
