"""The wording of the preflight's panel."""

from mmengine.runner import Runner
from torch import nn

from ...models.distillers.tskd_distiller import TSKDDistiller
from ...models.features.dry_run import Inspection
from ...models.features.feature_tap import FeatureTap
from ..schedule.run_timeline import timeline_of

SIGNS = 64  # nodes of the schedule that fit on a line
DATES = 6  # reviews that are listed one by one


def model_line(model: nn.Module) -> str:
    """Such as ``'RetinaNet, 37.97 M parameters, 37.74 M of them trained'``."""
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    total, trained = sum(n for n, _ in sizes), sum(n for n, grad in sizes if grad)
    line = f'{type(model).__name__}, {total / 1e6:.2f} M parameters'
    if trained in (0, total):
        return line
    return f'{line}, {trained / 1e6:.2f} M of them trained'


def level_lines(model: TSKDDistiller) -> list[str]:
    """Level by level: name, channels and stride of both models, from the dry runs."""
    teacher = model.require_teacher()
    if not model.strides:
        count = model.inspection.num_classes
        return [f'none: the scores of {count} classes are compared']
    ours = _level_texts(model.tap, model.inspection)
    theirs = _level_texts(teacher.tap, teacher.inspection)
    width = max(map(len, ours), default=0)
    return [f'{one:<{width}}  teacher {other}' for one, other in zip(ours, theirs)]


def _level_texts(tap: FeatureTap, found: Inspection) -> list[str]:
    names = tap.paths
    if len(names) != len(found.shapes):
        levels = tap.levels or range(len(found.shapes))
        names = [f'{"+".join(tap.paths)}[{level}]' for level in levels]
    return [
        f'{name} {channels} channels, stride {stride}'
        for name, channels, stride in zip(names, found.channels, found.strides)
    ]


def schedule_lines(runner: Runner) -> list[str]:
    """One sign for each node, and when the reviews are; none without reviews."""
    timeline = timeline_of(runner)
    if timeline is None:
        return []
    schedule, unit = timeline.schedule, timeline.unit
    nodes = [*schedule.nodes(0, timeline.steps)]
    signs = ''.join('R' if n.slot is None else str(n.slot + 1) for _, n in nodes)
    if len(signs) > SIGNS:
        signs = f'{signs[: SIGNS // 2]}...{signs[-SIGNS // 4 :]}'
    dates = [str(step + 1) for step, node in nodes if node.kind == 'review']
    if len(dates) > DATES:
        dates = [*dates[: DATES // 2], '...', dates[-1]]
    return [
        signs,
        f'one sign for {_count(schedule.interval, unit)}; '
        f'{_count(timeline.reviews, "review")} of '
        f'{_count(schedule.review_length, unit)}, from {unit} {", ".join(dates)}',
    ]


def first_line(error: Exception) -> str:
    """Such as ``'RuntimeError: CUDA out of memory'``."""
    return f'{type(error).__name__}: {error}'.splitlines()[0]


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}{"" if number == 1 else "s"}'
