"""What is compared: methods, seeds, a metric, and which method with which."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .trial import Trial

PLAIN = 'none'  # the method without any distillation


@dataclass(frozen=True)
class Study:
    """A grid of methods and seeds.

    Attributes:
        name: For files and titles.
        root: Folder in which the trainings run.
        metric: Validation metric, named as in ``scalars.json``; more is better, unless
            it is a loss. If empty it is the main one of the first training.
        methods: Config and options of each method, by name. Costs are relative to the
            first.
        seeds: Of the trainings.
        comparisons: Pairs (method, baseline) to compare seed by seed.
        times: Factor of the metric in the report.
        resolve: Difference worth seeing, in the unit of the report.
        cost: What the report calls the cost: CPU time of the whole process, or time in
            training iterations on the clock.
    """

    name: str
    root: Path
    metric: str
    methods: Mapping[str, tuple[Path, tuple[str, ...]]]
    seeds: tuple[int, ...]
    comparisons: tuple[tuple[str, str], ...]
    times: float = 1.0
    resolve: float = 0.5
    cost: Literal['cpu_seconds', 'seconds'] = 'cpu_seconds'

    @property
    def resumes(self) -> bool:
        """Whether an interrupted training goes on; its CPU time would be lost."""
        return self.cost == 'seconds'

    def gain(self, value: float) -> float:
        """The metric, or a difference of it, such that more is better."""
        return -value if 'loss' in self.metric else value

    def trials(self, seeds: Sequence[int] | None = None) -> Iterator[Trial]:
        """Every method with the first seed, then with the next: stop when you like.

        Args:
            seeds: Default: those of the study.
        """
        for seed in self.seeds if seeds is None else seeds:
            for method, (config, options) in self.methods.items():
                yield Trial(self.name, method, seed, config, options, self.root)
