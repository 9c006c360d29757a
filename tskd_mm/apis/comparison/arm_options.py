"""Changes of a config that a command line names, checked before anything trains."""

import ast
import inspect
import os
import re
from collections.abc import Iterable, Sequence
from copy import deepcopy
from types import NoneType
from typing import Any

from mmengine import registry
from mmengine.config import Config, DictAction
from mmengine.registry import Registry
from mmengine.runner import Runner

from .arms import has_review, without_review

MORE = ('compile', 'auto_scale_lr')  # read from a config without being arguments
ROOTS = [r for r in vars(registry).values() if isinstance(r, Registry)]


def changed(config: Config, options: Iterable[str]) -> Config:
    """A copy of a config with some changes.

    A review that they remove takes its hook with it.

    Args:
        config: The config.
        options: As for ``--cfg-options``, ``KEY=VALUE``; a value can be a dict, written
            as in a config, which is merged, or with ``_delete_=True`` replaces.
            ``KEY+=VALUE`` adds to the end of a list, such as ``custom_hooks``.

    Raises:
        ValueError: If a key is not known, a value cannot be read, or nothing changes.
    """
    for option in options:
        key, equals, text = option.partition('=')
        if not equals:
            raise ValueError(
                f'{option!r} must be KEY=VALUE: write --arm NAME KEY=VALUE'
            )
        value, before = parse_value(text), _without_marks(config.to_dict())
        adds, key = key.endswith('+'), key.removesuffix('+')
        _check_key(before, key, value)
        config = Config(deepcopy(before))
        try:
            value = [*_list_at(config, key), value] if adds else value
            config.merge_from_dict({key: value})
            _check_hooks(config)
        except (KeyError, TypeError) as error:
            raise ValueError(f'{option} does not fit the config: {error}') from error
        except AttributeError as error:  # mmengine merges into every dict of a list
            raise ValueError(
                f'{option} does not fit the config: a dict in a list cannot become '
                f'{value!r}'
            ) from error
        config = Config(_without_marks(config.to_dict()))
        if config.to_dict() == before:
            raise ValueError(
                f'{option} changes nothing: choose another value, or leave it out'
            )
    return config if has_review(config) else without_review(config)


def parse_value(text: str) -> Any:
    """A value as ``--cfg-options`` reads it, paths of files and dicts as in a config.

    Raises:
        ValueError: If it begins like a dict, or a list with one, and is none.
    """
    if os.path.isfile(text):  # --cfg-options would take its spaces and commas out
        return text
    if not re.match(r'[\[(]*\s*(dict\(|\{)', text):
        return DictAction._parse_iterable(text)
    try:
        tree = _DictCalls().visit(ast.parse(text, mode='eval'))
        return ast.literal_eval(tree.body)
    except (SyntaxError, ValueError) as error:
        raise ValueError(
            f"{text} cannot be read: write it as dict(type='PKDLoss', loss_weight=1.0)"
        ) from error


class _DictCalls(ast.NodeTransformer):
    """``dict(a=1)`` as ``{'a': 1}``, which is a literal."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict' or node.args:
            return node
        names: list[ast.expr | None] = [ast.Constant(k.arg) for k in node.keywords]
        return ast.Dict(names, [k.value for k in node.keywords])


def _without_marks(part: Any) -> Any:
    """A merge leaves ``_delete_`` where there was nothing to delete."""
    if isinstance(part, dict):
        return {k: _without_marks(v) for k, v in part.items() if k != '_delete_'}
    if isinstance(part, (list, tuple)):
        return type(part)(map(_without_marks, part))
    return part


def _list_at(config: Config, key: str) -> Sequence[Any]:
    """What a list has so far; of one that is not there, nothing."""
    here: Any = config
    for name in key.split('.'):
        inside = isinstance(here, (list, tuple))
        here = here[int(name)] if inside else (here or {}).get(name)
    if not isinstance(here, (list, tuple, NoneType)):
        raise TypeError(f'{key} is no list')
    return here or []


def _check_hooks(config: Config) -> None:
    for hook in config.get('custom_hooks') or []:
        if not isinstance(hook, dict) or 'type' not in hook:
            raise TypeError(
                f"custom_hooks must be a list of dict(type='...'), but has {hook!r}"
            )


def _check_key(config: dict[str, Any], key: str, value: Any) -> None:
    """Check that something reads the key; inside of what is not there, all is free."""
    here: Any = config
    known: list[str] | None = sorted({*inspect.signature(Runner).parameters, *MORE})
    for name in key.split('.'):
        if known is not None and name not in known:
            raise ValueError(
                f'{key} is not known: write instead of {name} one of '
                f'{", ".join(known) or "no names, it has no parts"}'
            )
        inside = here[int(name)] if isinstance(here, (list, tuple)) else here.get(name)
        if inside is None:
            return
        here, known = inside, _names(inside, value)


def _names(part: Any, value: Any) -> list[str] | None:
    """What a part of a config can have; None if anything."""
    if isinstance(part, (list, tuple)):
        return [*map(str, range(len(part)))]
    if not isinstance(part, dict):
        return []
    if 'type' not in part:
        adds_a_part = isinstance(value, dict) and 'type' in value
        return None if adds_a_part else [*part]
    kinds = (root.get(part['type']) for root in ROOTS)
    kind = next((kind for kind in kinds if kind is not None), None)
    if kind is None:
        return None
    parameters = inspect.signature(kind).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return None
    return sorted({*parameters, *part} - {'self'})
