"""One training of a study, and what tells it from others."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from mmengine.config import Config, DictAction


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        study: Name of the study.
        method: Name of the method.
        seed: Of the training.
        config: Path of the method's config.
        options: What the study changes in it, as for ``--cfg-options``.
        root: Folder in which it runs.
    """

    study: str
    method: str
    seed: int
    config: Path
    options: tuple[str, ...] = ()
    root: Path = Path()

    def __str__(self) -> str:
        return f'{self.method} seed {self.seed}'

    @property
    def content(self) -> Config:
        """The config as the training uses it."""
        return _read_config(self.config, self.options)

    @property
    def length(self) -> int:
        """Epochs of the schedule; iterations where it has no epochs."""
        schedule = self.content.train_cfg
        return schedule.get('max_epochs') or schedule.max_iters

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the config and the teacher's, not with the place of either."""
        parts = [self.content.to_dict()]
        teacher = self.content.model.get('teacher')
        if isinstance(teacher, str) and '::' not in teacher:
            parts.append(_read_config(Path(teacher)).to_dict())
        text = json.dumps(parts, sort_keys=True).replace(str(self.root.resolve()), '')
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def arguments(self, work_dir: Path) -> list[str]:
        """Command line for ``tools/train.py``."""
        options = [f'randomness.seed={self.seed}', *self.options]
        place = [str(self.config), '--work-dir', str(work_dir)]
        return [*place, '--cfg-options', *options]


@cache
def _read_config(path: Path, options: tuple[str, ...] = ()) -> Config:
    config = Config.fromfile(path, import_custom_modules=False)
    config.merge_from_dict(dict(map(_parse_option, options)))
    return config


def _parse_option(option: str) -> tuple[str, object]:
    key, _, value = option.partition('=')
    return key, DictAction._parse_iterable(value)
