"""Checks how the configs of losses are written."""

from collections.abc import Mapping
from typing import Any

from .feature_loss import loss_class


def check_loss_configs(argument: str, configs: Any) -> None:
    """Check that configs of losses have names, types and the right argument.

    Args:
        argument: ``'feature_losses'``, ``'logit_losses'`` or ``'head_losses'``.
        configs: What the user gave for it.

    Raises:
        TypeError: If it is not a dict of configs by name, or None.
        ValueError: If a loss belongs to the other argument.
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
        kind = loss_class(config)
        if hasattr(kind, 'compares'):  # heads; see LossCollection
            continue
        if argument == 'logit_losses' and hasattr(kind, 'adapter'):
            found, other = 'features', 'feature_losses'
        elif argument == 'feature_losses' and hasattr(kind, 'activation'):
            found, other = 'scores', 'logit_losses'
        else:
            continue
        raise ValueError(
            f'{kind.__name__} compares {found}, but is listed in {argument}: write '
            f'{other}={_written({name: config})}'
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
