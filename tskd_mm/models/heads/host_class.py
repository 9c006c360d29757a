"""Which class of the host a part of a model is, as far as it is read."""

from collections.abc import Sequence

from torch import nn


def host_class(
    module: nn.Module,
    known: Sequence[str],
    methods: Sequence[str],
    what: str,
    role: str,
) -> str:
    """Name of the nearest ancestor that is known, whose own methods the module has.

    Args:
        module: Part of a model, or all of it.
        known: Names of the host's classes that can be read.
        methods: What a subclass must leave as it is.
        what: What is read, for the message.
        role: ``'student'`` or ``'teacher'``, for the message.

    Raises:
        ValueError: If there is none, or the module overrides a method.
    """
    kind = type(module)
    base = next((base for base in kind.__mro__ if base.__name__ in known), None)
    changed = [
        m for m in methods if getattr(kind, m, None) is not getattr(base, m, None)
    ]
    if base is not None and not changed:
        return base.__name__
    overrides = f', which overrides {", ".join(changed)}' if base else ''
    raise ValueError(
        f'losses on {what} read {", ".join(known)} and subclasses that do not override '
        f'{", ".join(methods)}, but found {kind.__name__} in the {role}{overrides}'
    )
