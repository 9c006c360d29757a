"""What a loss asks for beside a student and a teacher."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from mmengine.registry import MODELS
from torch import nn

CHANNELS = ('student_channels', 'teacher_channels')
EXTRAS = ('valid', 'data_samples')


def loss_class(config: dict) -> type:
    """The class that ``MODELS.build(config)`` would build.

    Raises:
        KeyError: If no class of that name is registered.
    """
    kind = config['type']
    if not isinstance(kind, str):
        return kind
    with MODELS.switch_scope_and_registry(config.get('_scope_')) as registry:
        found = registry.get(kind)
    if found is None:
        raise KeyError(
            f'there is no loss {kind!r}: check its spelling, or import the package '
            'that registers it with custom_imports'
        )
    return found


def build_loss(config: dict, student_channels: Any, teacher_channels: Any) -> nn.Module:
    """Build a loss; its constructor is given those channels that it asks for."""
    given = dict(zip(CHANNELS, (student_channels, teacher_channels)))
    wanted = asked_by(loss_class(config), CHANNELS)
    return MODELS.build({name: given[name] for name in wanted} | config)


def asked_by(function: Callable, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that are parameters of a function or a class."""
    parameters = inspect.signature(function).parameters
    return [name for name in names if name in parameters]


def needs_teacher_channels(config: dict) -> bool:
    """Whether a loss on features cannot be built before the teacher is known."""
    kind = loss_class(config)
    adapter = getattr(kind, 'adapter', 'needed')
    return adapter != 'never' or bool(asked_by(kind, CHANNELS))
