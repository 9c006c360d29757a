"""The files that a text config is written in."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmengine.config import Config

from ...models.loading.model_config import config_path


@dataclass(frozen=True)
class ConfigFile:
    """One of them.

    Attributes:
        name: As it is called where it is named.
        path: Where it is.
    """

    name: str
    path: Path

    @classmethod
    def named(cls, name: str, folder: Path = Path()) -> 'ConfigFile':
        """From a path relative to a folder, or ``'mmdet::...'``.

        Raises:
            FileNotFoundError: If it is not there.
        """
        path = config_path(name if '::' in name else str(folder / name))
        if path is None:
            raise FileNotFoundError(f'there is no base config {name}: correct _base_')
        return cls(name, path)

    @cached_property
    def bases(self) -> list['ConfigFile']:
        """What stands in its ``_base_``."""
        names = Config._get_base_files(str(self.path))
        return [self.named(name, self.path.parent) for name in names]

    def chain(self) -> Iterator['ConfigFile']:
        """Itself, its bases, and theirs: the most derived first."""
        yield self
        for base in self.bases:
            yield from base.chain()

    @cached_property
    def pairs(self) -> list[tuple[str, ast.expr]]:
        """Names and values of variables, keyword arguments and dicts in its text."""
        if self.path.suffix != '.py':
            return []
        return [*_pairs(ast.parse(self.path.read_text('utf-8')))]

    def names_in(self, name: str) -> set[str]:
        """Names within the values that it gives to a name."""
        values = [value for key, value in self.pairs if key == name]
        return {key for value in values for key, _ in _pairs(value)}


def files_of(config: Config) -> ConfigFile | None:
    """The file of a config; None if it was made without one."""
    name = config.filename
    return ConfigFile(str(name), Path(name)) if name else None


def _pairs(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield getattr(target, 'id', getattr(target, 'attr', '')), node.value
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg, node.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
