"""The wording of the preflight's panel."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from torch import Tensor, nn

from ...models.features.feature_tap import Features, FeatureTap
from ..schedule.run_timeline import RunTimeline

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


def schedule_lines(plan: RunTimeline) -> list[str]:
    """One sign for each node, and when the reviews are."""
    nodes = [*plan.schedule.nodes(0, plan.steps)]
    signs = ''.join('R' if n.slot is None else str(n.slot + 1) for _, n in nodes)
    if len(signs) > SIGNS:
        signs = f'{signs[: SIGNS // 2]}...{signs[-SIGNS // 4 :]}'
    dates = [str(step + 1) for step, node in nodes if node.kind == 'review']
    if len(dates) > DATES:
        dates = [*dates[: DATES // 2], '...', dates[-1]]
    schedule, unit = plan.schedule, plan.unit
    return [
        signs,
        f'one sign for {_count(schedule.interval, unit)}; '
        f'{_count(plan.reviews, "review")} of {_count(schedule.review_length, unit)}, '
        f'from {unit} {", ".join(dates)}',
    ]


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}{"" if number == 1 else "s"}'


def tap_lines(
    student: tuple[FeatureTap, Features],
    teacher: tuple[FeatureTap, Features],
    strides: Sequence[int],
) -> list[str]:
    """Level by level: name, channels, height and width of both; the stride."""
    columns = [_level_texts(*student), _level_texts(*teacher)]
    widths = [max(map(len, column)) for column in columns]
    return [
        f'{ours:<{widths[0]}}  teacher {theirs:<{widths[1]}}  stride {stride}'
        for ours, theirs, stride in zip(*columns, strides)
    ]


def _level_texts(tap: FeatureTap, features: Features) -> list[str]:
    names = tap.paths
    if len(names) != len(features.levels):
        levels = tap.levels or range(len(features.levels))
        names = [f'{"+".join(tap.paths)}[{level}]' for level in levels]
    shapes = ['x'.join(map(str, f.shape[1:])) for f in features.levels]
    return [f'{name} {shape}' for name, shape in zip(names, shapes)]


def loss_line(losses: Mapping[str, float]) -> str:
    """Every term, then the sum that is called ``loss``; mmengine adds these keys."""
    terms = [f'{k} {v:.4g}' for k, v in losses.items() if 'loss' in k and k != 'loss']
    return f'{", ".join(terms)}; sum {losses["loss"]:.4g}'


def time_line(ordinary: float, review: float | None, total: float) -> str:
    """Seconds of an iteration, and of the whole training."""
    line = f'{ordinary:.2f} s an iteration'
    if review is not None:
        line += f', {review:.2f} s in a review'
    left = timedelta(seconds=round(total))
    return f'{line}; about {left} to the end, without validation'


def megabytes(tensors: Sequence[Tensor]) -> str:
    """Size of tensors."""
    return f'{sum(t.numel() * t.element_size() for t in tensors) / 1e6:.1f} MB'
