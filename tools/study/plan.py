"""What a study consists of: methods, seeds, and a config for each training."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from mmengine.config import Config, DictAction

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        study: Name of the study.
        method: Name of the method.
        seed: Of the training.
        config: Path of the method's config.
        options: What the study changes in it, as for ``--cfg-options``.
    """

    study: str
    method: str
    seed: int
    config: Path
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f'{self.method} seed {self.seed}'

    @property
    def content(self) -> Config:
        """The config as the training uses it."""
        return _read_config(self.config, self.options)

    @property
    def epochs(self) -> int:
        """Epochs of the schedule."""
        return self.content.train_cfg.max_epochs

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the config and the teacher's, not with the place of either."""
        parts = [self.content.to_dict()]
        teacher = self.content.model.get('teacher')
        if isinstance(teacher, str) and '::' not in teacher:
            parts.append(_read_config(Path(teacher)).to_dict())
        text = json.dumps(parts, sort_keys=True).replace(str(ROOT), '')
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def command(self, work_dir: Path) -> list[str]:
        """Arguments for Python, from the project's folder."""
        options = [f'randomness.seed={self.seed}', *self.options]
        start = ['tools/train.py', str(self.config), '--work-dir', str(work_dir)]
        return [*start, '--cfg-options', *options]


@dataclass(frozen=True)
class Study:
    """A grid of methods and seeds.

    Attributes:
        name: Of its file.
        folder: Of its file; its trainings can import what lies there.
        metric: Validation metric, named as in ``scalars.json``; more is better.
        methods: Config and options of each method, by name. Costs are relative to the
            first.
        seeds: Of the trainings.
        comparisons: Pairs (method, baseline) to compare seed by seed.
        times: Factor of the metric in the report.
    """

    name: str
    folder: Path
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
                yield Trial(self.name, method, seed, config, options)


def read_study(path: Path) -> Study:
    """Read the file of a study; configs are named from its folder.

    Raises:
        FileNotFoundError: If it or a config of a method is not there.
        ValueError: If a comparison names no method of the study.
    """
    if not path.is_file():
        raise FileNotFoundError(f'there is no study {path}')
    content = Config.fromfile(path)
    folder = path.resolve().parent
    methods = {
        name: (folder / method.config, tuple(method.get('options', ())))
        for name, method in content.methods.items()
    }
    for name, (config, _) in methods.items():
        if not config.is_file():
            raise FileNotFoundError(
                f'{path}: there is no config {config} for the method {name}'
            )
    comparisons = tuple((one, other) for one, other in content.comparisons)
    for name in {name for pair in comparisons for name in pair} - methods.keys():
        raise ValueError(
            f'{path}: comparisons must be of methods among {", ".join(methods)}, but '
            f'got {name!r}'
        )
    return Study(
        path.stem,
        folder,
        content.metric,
        methods,
        tuple(content.seeds),
        comparisons,
        content.get('times', 1.0),
    )


@cache
def _read_config(path: Path, options: tuple[str, ...] = ()) -> Config:
    config = Config.fromfile(path, import_custom_modules=False)
    config.merge_from_dict(dict(map(_parse_option, options)))
    return config


def _parse_option(option: str) -> tuple[str, object]:
    key, _, value = option.partition('=')
    return key, DictAction._parse_iterable(value)
