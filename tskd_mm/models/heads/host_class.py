"""Which class of the host a part of a model is, as far as it is read."""

from collections.abc import Iterable, Sequence

from torch import nn


def host_class(
    module: nn.Module,
    known: Iterable[str],
    methods: Sequence[str],
    what: str,
    role: str,
    advice: str,
) -> str:
    """Name of the nearest ancestor that is known, whose own methods the module has.

    Args:
        module: Part of a model, or all of it.
        known: The classes that can be read, by package and name: ``'mmdet.GFLHead'``.
        methods: What a subclass must leave as it is.
        what: What is read, for the message.
        role: ``'student'`` or ``'teacher'``, for the message.
        advice: What to do, for the message.

    Raises:
        ValueError: If there is none, or the module overrides a method.
    """
    kind = type(module)
    ancestors = {
        f'{x.__module__.partition(".")[0]}.{x.__name__}': x for x in kind.__mro__
    }
    name = next((name for name in ancestors if name in known), None)
    base = ancestors.get(name or '')
    changed = [
        m for m in methods if getattr(kind, m, None) is not getattr(base, m, None)
    ]
    if name is not None and not changed:
        return name
    overrides = f', which overrides {", ".join(changed)}' if name else ''
    raise ValueError(
        f'losses on {what} read {", ".join(sorted(known))} and subclasses that do not '
        f'override {", ".join(methods)}, but found {kind.__name__} in the {role}'
        f'{overrides}: {advice}'
    )
