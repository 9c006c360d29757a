"""What is compared: methods, seeds, a metric, and which method with which."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .trial import Trial


@dataclass(frozen=True)
class Study:
    """A grid of methods and seeds.

    Attributes:
        name: For files and titles.
        root: Folder in which the trainings run.
        metric: Validation metric, named as in ``scalars.json``; more is better.
        methods: Config and options of each method, by name. Costs are relative to the
            first.
        seeds: Of the trainings.
        comparisons: Pairs (method, baseline) to compare seed by seed.
        times: Factor of the metric in the report.
    """

    name: str
    root: Path
    metric: str
    methods: dict[str, tuple[Path, tuple[str, ...]]]
    seeds: tuple[int, ...]
    comparisons: tuple[tuple[str, str], ...]
    times: float = 1.0

    def trials(self, seeds: Sequence[int] | None = None) -> Iterator[Trial]:
        """Every method with the first seed, then with the next: stop when you like.

        Args:
            seeds: Default: those of the study.
        """
        for seed in self.seeds if seeds is None else seeds:
            for method, (config, options) in self.methods.items():
                yield Trial(self.name, method, seed, config, options, self.root)
