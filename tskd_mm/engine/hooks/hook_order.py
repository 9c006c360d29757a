"""Which hooks a distillation needs once, and which must come before which."""

from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner, get_priority

from .loss_balance_hook import LossBalanceHook
from .loss_weight_hook import LossWeightHook
from .teacher_route_hook import TeacherRouteHook
from .tskd_visualization_hook import TSKDVisualizationHook

SETTINGS = (LossBalanceHook, LossWeightHook, TeacherRouteHook)
FROM_BASE = '(a config with *_base_.custom_hooks has those of its base, too)'


def check_hooks(runner: Runner, distillation_hook: type[Hook]) -> None:
    """Check that the hooks of a distillation do not contradict each other.

    Args:
        runner: Its hooks are in the order in which they run.
        distillation_hook: The kind of which there must be one.

    Raises:
        ValueError: If there are several, or one runs before another that it follows.
    """
    once = LossBalanceHook, TeacherRouteHook, TSKDVisualizationHook
    for kind in (distillation_hook, *once):
        found = _of_kind(runner, kind)
        if len(found) > 1:
            raise ValueError(
                f'exactly one {kind.__name__}, or child of it, can run in a training, '
                f'but the config has {" and ".join(map(_described, found))}: keep one '
                f'in custom_hooks {FROM_BASE}'
            )
    ours = _of_kind(runner, distillation_hook)
    memorizing = [hook for hook in ours if hasattr(hook, 'schedule')]
    settings, checkpoints, pictures = (
        _of_kind(runner, kinds)
        for kinds in (SETTINGS, CheckpointHook, TSKDVisualizationHook)
    )
    for first, then, reason in (
        (settings, ours, 'the preflight shows what it sets'),
        (memorizing, checkpoints, 'a memory belongs in the checkpoint of its epoch'),
        (memorizing, pictures, 'the pictures show what is memorized'),
    ):
        _check_order(runner.hooks, first, then, reason)


def _of_kind(runner: Runner, kinds: type[Hook] | tuple[type[Hook], ...]) -> list[Hook]:
    return [hook for hook in runner.hooks if isinstance(hook, kinds)]


def _check_order(
    hooks: list[Hook], first: list[Hook], then: list[Hook], reason: str
) -> None:
    for one, other in zip(first[-1:], then[:1]):
        if hooks.index(one) > hooks.index(other):
            raise ValueError(
                f'{_with_priority(one)} must run before {_with_priority(other)}, since '
                f'{reason}: leave out the priority of both, or give the first a lower '
                'number'
            )


def _described(hook: Hook) -> str:
    schedule = getattr(hook, 'schedule', None)
    if schedule is None:
        return type(hook).__name__
    interval, slots = schedule.interval, schedule.num_slots
    return f'{type(hook).__name__}(interval={interval}, num_slots={slots})'


def _with_priority(hook: Hook) -> str:
    return f'{type(hook).__name__} (priority {get_priority(hook.priority)})'
