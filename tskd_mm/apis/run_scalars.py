"""Reads what mmengine wrote down about a training run."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from mmengine.config import Config

Points = list[tuple[float, float]]  # (epochs or iterations done, value)
NO_METRICS = {'step', 'time', 'data_time'}


@dataclass
class RunScalars:
    """The scalars of one run.

    Attributes:
        name: Name of its work_dir.
        train: Records of the training, one for each logged iteration, by iteration.
        val: Records of the validations, by epoch (or iteration).
        folder: Where the newest of them lie.
    """

    name: str
    train: dict[int, dict[str, Any]] = field(default_factory=dict)
    val: dict[int, dict[str, Any]] = field(default_factory=dict)
    folder: Path = Path()

    @cached_property
    def config(self) -> Config | None:
        """The config it was run with; None if none was dumped."""
        dumped = self.folder / 'config.py'
        if not dumped.is_file():
            return None
        return Config.fromfile(dumped, import_custom_modules=False)

    @property
    def by_epoch(self) -> bool:
        """Whether the run counted epochs."""
        return any('epoch' in record for record in self.train.values())

    @property
    def iters_per_epoch(self) -> int:
        """Iterations of an epoch; 1 for a run that counts iterations.

        mmengine does not write it down, but iteration i of epoch e (both from 1)
        says that e epochs have at least i iterations.
        """
        if not self.by_epoch:
            return 1
        return max(-(-i // record['epoch']) for i, record in self.train.items())

    def losses(self, key: str = 'loss') -> Points:
        """A scalar of the training over epochs (or iterations)."""
        length = self.iters_per_epoch
        return [(i / length, r[key]) for i, r in self.train.items() if key in r]

    def metrics(self, key: str) -> Points:
        """A scalar of the validation over epochs (or iterations)."""
        return [(float(step), r[key]) for step, r in self.val.items() if key in r]

    @property
    def metric_names(self) -> list[str]:
        """Names of the validation's metrics, as they are logged."""
        names = (name for record in self.val.values() for name in record)
        return [name for name in dict.fromkeys(names) if name not in NO_METRICS]

    def seconds(self) -> float:
        """Time spent in training iterations, without start-up and validation."""
        # The time in a record is a mean over the last iterations.
        logged = pairwise([0, *self.train])
        return sum((now - before) * self.train[now]['time'] for before, now in logged)


def read_scalars(work_dir: str | Path) -> RunScalars:
    """Scalars of a run and of what it was resumed from.

    Where two files tell of the same iteration the newer one counts.

    Raises:
        FileNotFoundError: If the folder holds none.
    """
    work_dir = Path(work_dir)
    files = sorted(work_dir.glob('*/vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(
            f'{work_dir} holds no */vis_data/scalars.json: give the work_dir of a '
            'training with mmengine'
        )
    run = RunScalars(work_dir.resolve().name, folder=files[-1].parent)
    for file in files:
        # After the last line's end is one that is being written, or was cut off.
        for line in file.read_text().split('\n')[:-1]:
            record = json.loads(line)
            kind = run.train if 'lr' in record else run.val
            kind[record['step']] = record
    run.train = dict(sorted(run.train.items()))
    run.val = dict(sorted(run.val.items()))
    return run
