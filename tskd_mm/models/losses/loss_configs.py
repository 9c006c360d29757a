"""Checks how the configs of losses are written."""

from collections.abc import Mapping
from typing import Any

from .feature_loss import loss_class

# Which attribute of a class shows what its losses compare. Losses registered elsewhere
# may have none.
KINDS = {
    'feature_losses': ('adapter', 'features'),
    'logit_losses': ('activation', 'scores'),
    'head_losses': ('compares', 'heads'),
}


def check_loss_configs(argument: str, configs: Any) -> None:
    """Check that configs of losses have names, types and the right argument.

    Args:
        argument: ``'feature_losses'``, ``'logit_losses'`` or ``'head_losses'``.
        configs: What the user gave for it.

    Raises:
        TypeError: If it is not a dict of configs by name, or None.
        ValueError: If a loss belongs to another argument.
        KeyError: If there is no loss of that type.
    """
    if configs is None:
        return
    if not isinstance(configs, Mapping) or not all(map(_is_config, configs.values())):
        raise TypeError(
            f'{argument} must be a dict of configs by name, but got '
            f'{_written(configs)}: write {argument}={_written(_corrected(configs))}'
        )
    for name, config in configs.items():
        _check_argument(argument, name, config)


def _check_argument(argument: str, name: str, config: dict) -> None:
    kind = loss_class(config)
    found = [key for key, (mark, _) in KINDS.items() if hasattr(kind, mark)]
    if argument in found or (not found and argument != 'head_losses'):
        return
    if not found:
        raise ValueError(
            f'{kind.__name__} is listed in head_losses, but its class has no attribute '
            'compares: give it under feature_losses or logit_losses'
        )
    raise ValueError(
        f'{kind.__name__} compares {KINDS[found[0]][1]}, but is listed in {argument}: '
        f'write {found[0]}={_written({name: config})}'
    )


def _is_config(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get('type'), (str, type))


def _corrected(configs: Any) -> dict[str, Any]:
    """What the user may have meant."""
    if isinstance(configs, Mapping) and not _is_config(configs):
        # MMEngine leaves the mark where its base has nothing to delete.
        named = {name: value for name, value in configs.items() if name != '_delete_'}
        return {name: _as_config(value) for name, value in named.items()}
    several = configs if isinstance(configs, (list, tuple)) else [configs]
    found = [_as_config(value) for value in several]
    return {_short_name(config['type']): config for config in found}


def _as_config(value: Any) -> dict[str, Any]:
    if isinstance(value, (str, type)):
        return {'type': value}
    rest = dict(value) if isinstance(value, Mapping) else {}
    return rest if _is_config(rest) else {'type': 'PKDLoss', **rest}


def _short_name(kind: str | type) -> str:
    name = kind if isinstance(kind, str) else kind.__name__
    return name.rpartition('.')[2].removesuffix('Loss').lower()


def _written(value: Any) -> str:
    """As in a config."""
    if isinstance(value, Mapping):
        items = ', '.join(f'{key}={_written(item)}' for key, item in value.items())
        return f'dict({items})'
    return value.__name__ if isinstance(value, type) else repr(value)
