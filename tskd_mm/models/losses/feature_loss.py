"""How a loss on feature maps is given the levels of two models."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

# What a loss may declare among the parameters of its constructor and its ``forward``.
CHANNELS = ('student_channels', 'teacher_channels')
OPTIONAL_INPUTS = ('valid', 'data_samples')


def build_feature_loss(
    config: dict,
    student_channels: Sequence[int],
    teacher_channels: Sequence[int] | None,
) -> 'LevelLosses | PyramidLoss':
    """One loss a level, or one for all where its class says ``takes_pyramid = True``.

    Args:
        config: Config of the loss.
        student_channels: Channels of the student's levels.
        teacher_channels: Channels of the teacher's levels; None if the loss does not
            depend on them.
    """
    takes_pyramid = getattr(loss_class(config), 'takes_pyramid', False)
    kind = PyramidLoss if takes_pyramid else LevelLosses
    return kind(config, student_channels, teacher_channels)


class LevelLosses(nn.Module):
    """One loss, summed over the levels; each has a copy and an adapter of its own.

    The class of a loss says with its attribute ``adapter`` when it needs one:
    ``'needed'``, where the channels differ (the default, also for losses registered
    elsewhere), ``'always'`` or ``'never'``. If its constructor declares
    ``student_channels`` or ``teacher_channels`` it is given that number. The arguments
    are those of :func:`build_feature_loss`.
    """

    def __init__(
        self,
        config: dict,
        student_channels: Sequence[int],
        teacher_channels: Sequence[int] | None,
    ) -> None:
        super().__init__()
        when = _adapts(loss_class(config))
        pairs = [*zip(student_channels, teacher_channels or student_channels)]
        self.adapters = nn.ModuleList(_adapter(when, *pair) for pair in pairs)
        self.losses = nn.ModuleList(build_loss(config, *pair) for pair in pairs)
        self.optional = optional_inputs(type(self.losses[0]).forward)

    def forward(
        self,
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        valid: Sequence[Tensor | None],
        data_samples: Sequence[Any],
    ) -> Tensor:
        """Sum over the levels.

        Args:
            student: Each (N, C, H, W).
            teacher: Each (N, C', H, W).
            valid: Masks of the padding, (N, 1, H, W) or None, one a level; features
                read 0 in the padding.
            data_samples: One per image.
        """
        losses = []
        levels = zip(self.losses, self.adapters, student, teacher, valid)
        for loss, adapter, ours, theirs, mask in levels:
            known = {'valid': mask, 'data_samples': data_samples}
            extra = {name: known[name] for name in self.optional}
            losses.append(
                loss(_blank(adapter(ours), mask), _blank(theirs, mask), **extra)
            )
        return torch.stack(losses).sum()


class PyramidLoss(nn.Module):
    """One loss that is given lists of levels.

    It adapts the channels itself, unless its class has the attribute ``adapter`` of
    :class:`LevelLosses`. Features read 0 in the padding, unless the class of the loss
    says with ``masks_padding = True`` that it leaves the padding out itself. The
    arguments are those of :func:`build_feature_loss`.
    """

    def __init__(
        self,
        config: dict,
        student_channels: Sequence[int],
        teacher_channels: Sequence[int] | None,
    ) -> None:
        super().__init__()
        when = _adapts(loss_class(config))
        pairs = zip(student_channels, teacher_channels or student_channels)
        self.adapters = nn.ModuleList(_adapter(when, *pair) for pair in pairs)
        self.loss = build_loss(config, student_channels, teacher_channels)
        self.optional = optional_inputs(type(self.loss).forward)

    def forward(
        self,
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        valid: Sequence[Tensor | None],
        data_samples: Sequence[Any],
    ) -> Tensor:
        """The loss; arguments as for :class:`LevelLosses`."""
        known = {'valid': valid, 'data_samples': data_samples}
        student = [adapter(level) for adapter, level in zip(self.adapters, student)]
        if not getattr(self.loss, 'masks_padding', False):
            student = [_blank(*level) for level in zip(student, valid)]
            teacher = [_blank(*level) for level in zip(teacher, valid)]
        extra = {name: known[name] for name in self.optional}
        return self.loss(student, teacher, **extra)


def _adapts(kind: type) -> str:
    """When the levels of a loss get an adapter: as its class says.

    Losses on heads, and those on all levels at once, adapt the channels themselves.
    """
    own = hasattr(kind, 'compares') or getattr(kind, 'takes_pyramid', False)
    return getattr(kind, 'adapter', 'never' if own else 'needed')


def _adapter(when: str, student_channels: int, teacher_channels: int) -> nn.Module:
    """Brings the student's features to the teacher's number of channels.

    It is trained with the student and is not part of it.
    """
    differ = student_channels != teacher_channels
    if when == 'always' or (when == 'needed' and differ):
        return nn.Conv2d(student_channels, teacher_channels, 1)
    return nn.Identity()


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


@cache  # a signature takes long to read, and this is asked in every step
def optional_inputs(forward: Callable) -> list[str]:
    """What the ``forward`` of a loss class declares besides student and teacher."""
    return _declared(forward, OPTIONAL_INPUTS)


def _declared(function: Callable, names: Iterable[str]) -> list[str]:
    parameters = inspect.signature(function).parameters
    return [name for name in names if name in parameters]


def needs_teacher_channels(config: dict) -> bool:
    """Whether a loss cannot be built before the teacher is known."""
    kind = loss_class(config)
    return _adapts(kind) != 'never' or bool(_declared(kind, CHANNELS))


def build_loss(config: dict, student_channels: Any, teacher_channels: Any) -> nn.Module:
    """Build a loss; its constructor is given the channels that it declares."""
    given = dict(zip(CHANNELS, (student_channels, teacher_channels)))
    names = _declared(loss_class(config), CHANNELS)
    return MODELS.build({name: given[name] for name in names} | config)


def _blank(feature: Tensor, valid: Tensor | None) -> Tensor:
    """The feature with 0 in the padding."""
    return feature if valid is None else feature * valid
