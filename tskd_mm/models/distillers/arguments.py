"""Checks how the arguments of a distiller are written."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from ..losses.feature_loss import needs_teacher_channels
from ..losses.loss_configs import check_loss_configs
from ..review.review import SCORES, review_inputs

Check = tuple[bool, str, Any]


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Check the form of what a config says, before anything is built from it.

    Args:
        arguments: Of :class:`.TSKDDistiller`, by name.

    Raises:
        TypeError: If one has the wrong form. The message has a corrected line.
        ValueError: If a loss belongs to the other argument, or features are to be
            compared and there are none.
        KeyError: If there is no loss of some type.
    """
    checks = {
        'teacher_checkpoint': _checkpoint,
        'student_taps': _taps,
        'teacher_taps': lambda taps: _taps(('neck',) if taps is None else taps),
        'strides': _strides,
        'logit_tap': _path,
        'teacher_logit_tap': lambda path: _path('head' if path is None else path),
        'review': _review,
        'teacher_size': _size,
    }
    for name, check in checks.items():
        value = arguments[name]
        right, rule, corrected = check(value)
        if not right:
            raise TypeError(
                f'{name} must be {rule}, but got {value!r}: write {name}={corrected!r}'
            )
    for name in ('feature_losses', 'logit_losses', 'head_losses'):
        check_loss_configs(name, arguments[name])
    _check_features_are_there(arguments)
    _check_necks_are_tapped(arguments)
    if arguments['teacher_size'] and arguments['head_losses']:
        raise ValueError(
            'head_losses compare predictions cell by cell, so both models must see '
            'images of one size: leave out teacher_size or head_losses'
        )


def _check_features_are_there(arguments: Mapping[str, Any]) -> None:
    if arguments['student_taps']:
        return
    asked = review_inputs(arguments['review'])
    if arguments['review'] is not None and not any(name in SCORES for name in asked):
        raise ValueError(
            'a review compares features of the student with those of its past, but '
            "student_taps=[] names none: name modules such as ['neck'], or set "
            'review=None and use the hook DistillationHook'
        )
    if arguments['feature_losses']:
        raise ValueError(
            f'the feature_losses {[*arguments["feature_losses"]]} compare features, '
            "but student_taps=[] names none: name modules such as ['neck'], or set "
            'feature_losses=None'
        )


def _check_necks_are_tapped(arguments: Mapping[str, Any]) -> None:
    """A loss on heads that asks for channels means those of the necks."""
    losses = arguments['head_losses'] or {}
    asking = [name for name, loss in losses.items() if needs_teacher_channels(loss)]
    taps = {name: arguments[name] for name in ('student_taps', 'teacher_taps')}
    for name, paths in taps.items():
        if asking and paths is not None and [*paths] != ['neck']:
            raise ValueError(
                f'{asking} in head_losses compare the outputs of the necks and need '
                f"their channels, but {name} is {[*paths]}: set {name}=['neck'], or "
                'leave these losses out'
            )


def _checkpoint(value: Any) -> Check:
    right = value is None or isinstance(value, (str, PathLike))
    return right, "a path, a URL, 'auto' or None", 'auto'


def _taps(value: Any) -> Check:
    right = _is_list(value) and all(isinstance(path, str) for path in value)
    corrected = [value] if isinstance(value, str) else ['neck']
    return right, 'a list of paths of modules', corrected


def _path(value: Any) -> Check:
    return isinstance(value, str), 'the path of a module', 'head'


def _strides(value: Any) -> Check:
    right = value is None or (
        _is_list(value) and len(value) > 0 and all(map(_is_size, value))
    )
    corrected = [value] if _is_size(value) else [8, 16, 32]
    return right, 'a list of strides in pixels, or left out for all levels', corrected


def _review(value: Any) -> Check:
    right = value is None or isinstance(value, Mapping)
    rule = 'the config of a review, or None for no reviews'
    return right, rule, {} if value else None


def _size(value: Any) -> Check:
    right = value is None or (
        _is_list(value) and len(value) == 2 and all(map(_is_size, value))
    )
    corrected = (value, value) if _is_size(value) else (640, 640)
    return right, 'a height and a width in pixels', corrected


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
