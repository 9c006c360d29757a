"""Makes the schedule of a config as long as one likes, in proportion."""

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from mmengine.config import Config

from ...engine.hook_config import hook_class
from ..read_config import memory_hook_of

WARMUPS = ('LinearLR', 'ConstantLR', 'WarmupLR', 'LinearMomentum', 'ConstantMomentum')
# Their arguments are rates for an epoch, or count epochs in a way of their own.
NOT_IN_PROPORTION = ('Exponential', 'CosineRestart', 'ReduceOnPlateau')


class EpochScale:
    """Maps points in time of one schedule to another, first and last to themselves.

    Args:
        old: Epochs of the one.
        new: Epochs of the other.
    """

    def __init__(self, old: int, new: int) -> None:
        self.old, self.new = old, new

    def epochs(self, old: int) -> int:
        """An epoch, or a distance, in the new schedule; 0 and -1, never, stay."""
        return max(1, old * self.new // self.old) if old > 0 else old

    def span(self, begin: int, epochs: int) -> int:
        """Epochs from a point on."""
        return self.epochs(begin + epochs) - self.epochs(begin)


def set_epochs(config: Config, epochs: int) -> None:
    """Make a config's training shorter or longer, with all that counts its epochs.

    Learning rates, validation, checkpoints, the hooks of mmengine, mmdet and mmpretrain
    that act at an epoch, factors of LossWeightHook, teachers of TeacherRouteHook and
    the nodes of TSKDMemoryHook keep their places in proportion, rounded down to whole
    epochs or iterations. Warm-ups in iterations stay.

    Args:
        config: Changed.
        epochs: Of the new schedule.

    Raises:
        ValueError: If the config counts iterations, or part of its schedule cannot be
            scaled.
    """
    if 'max_epochs' not in config.train_cfg:
        _refuse(
            f'--epochs needs a training in epochs, but train_cfg has '
            f'{dict(config.train_cfg)}'
        )
    scale = EpochScale(config.train_cfg.max_epochs, epochs)
    _scale_loop(config.train_cfg, scale)
    for scheduler in _with_type(config.get('param_scheduler')):
        _scale_scheduler(scheduler, scale)
    for hook in _with_type([config.get('default_hooks'), config.get('custom_hooks')]):
        _scale_hook(hook, scale)


def shortening(old: Config, new: Config) -> str:
    """What :func:`set_epochs` did to a config, in one line."""
    epochs = [config.train_cfg.max_epochs for config in (old, new)]
    line = '{1} epochs instead of {0}, schedules in proportion'.format(*epochs)
    hooks = memory_hook_of(old), memory_hook_of(new)
    if None not in hooks:
        intervals = [hook.schedule.interval for hook in hooks if hook]
        line += '; TSKDMemoryHook: interval {1} instead of {0}'.format(*intervals)
    return line


def _scale_loop(loop: dict[str, Any], scale: EpochScale) -> None:
    loop['max_epochs'] = scale.new
    _change(loop, 'val_interval', scale.epochs)
    _change(loop, 'val_begin', scale.epochs)
    _change(
        loop,
        'dynamic_intervals',
        lambda steps: [(scale.epochs(a), scale.epochs(b)) for a, b in steps],
    )


def _scale_scheduler(scheduler: dict[str, Any], scale: EpochScale) -> None:
    kind, begin = str(scheduler['type']), scheduler.get('begin', 0)
    if not scheduler.get('by_epoch', True):
        if begin or not kind.endswith(WARMUPS):
            _refuse(f'{kind} counts iterations (by_epoch=False)')
        return
    if kind.rpartition('.')[2].startswith(NOT_IN_PROPORTION):
        _refuse(f'{kind} cannot be scaled to other epochs')
    for name in ('T_max', 'step_size', 'total_steps'):
        _change(scheduler, name, lambda span: max(1, scale.span(begin, span)))
    # Milestones count from the begin, as mmengine's schedulers do.
    _change(scheduler, 'milestones', lambda x: [scale.span(begin, m) for m in x])
    for name in ('begin', 'end'):
        _change(scheduler, name, scale.epochs)
    if 'end' in scheduler and scheduler['end'] <= scheduler.get('begin', 0):
        _refuse(f'{kind} from epoch {begin} on would have no epoch of {scale.new}')


def _scale_hook(hook: dict[str, Any], scale: EpochScale) -> None:
    names, kind = _names(hook), str(hook['type']).rpartition('.')[2]
    by_epoch = hook.get('by_epoch', True)
    _change(hook, 'switch_epoch', scale.epochs)  # PipelineSwitchHook
    _change(hook, 'begin_epoch', scale.epochs)  # EMAHook
    if 'YOLOXModeSwitchHook' in names:
        hook.setdefault('num_last_epochs', 15)  # its default
    _change(hook, 'num_last_epochs', scale.epochs)
    if 'SwitchRecipeHook' in names:
        for recipe in hook['schedule']:
            _change(recipe, 'action_epoch', scale.epochs)
    if 'CheckpointHook' in names and by_epoch:
        _change(hook, 'interval', scale.epochs)
        _change(hook, 'save_begin', scale.epochs)
    if 'TSKDMemoryHook' in names:
        hook.setdefault('interval', 5)  # its default
        for name in ('interval', 'review_length'):
            _change(hook, name, scale.epochs)
    if 'TeacherRouteHook' in names and by_epoch:
        _change(hook, 'checkpoints', lambda x: _points(kind, x, scale))
    if 'LossWeightHook' in names and by_epoch:
        for name, points in hook['factors'].items():
            if not isinstance(points, dict):  # a curve by share of the training
                hook['factors'][name] = _points(kind, points, scale)


def _names(hook: dict[str, Any]) -> set[str]:
    """Of a hook's class and of those that it inherits from."""
    kind = hook_class(hook)
    if kind is None:  # of a package that is not imported
        return {str(hook['type']).rpartition('.')[2]}
    return {parent.__name__ for parent in kind.__mro__}


def _points(kind: str, points: Any, scale: EpochScale) -> list[tuple[int, Any]]:
    moved = [(scale.epochs(epoch), value) for epoch, value in points]
    if len({epoch for epoch, _ in moved}) < len(moved):
        _refuse(f'two points of {kind} would come to the same of {scale.new} epochs')
    return moved


def _refuse(reason: str) -> NoReturn:
    raise ValueError(
        f'{reason}: write the schedule into the config, and leave out --epochs'
    )


def _change(part: dict[str, Any], name: str, new: Callable[[Any], Any]) -> None:
    if part.get(name) is not None:
        part[name] = new(part[name])


def _with_type(part: Any) -> Iterator[dict[str, Any]]:
    """The typed dicts of a dict or list, those inside of others too."""
    if isinstance(part, dict) and 'type' in part:
        yield part
    elif isinstance(part, dict):
        for inner in part.values():
            yield from _with_type(inner)
    elif isinstance(part, (list, tuple)):
        for inner in part:
            yield from _with_type(inner)
