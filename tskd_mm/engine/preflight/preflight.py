"""What a run will be, known before it starts."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO

from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from ...models.distillers.tskd_distiller import TSKDDistiller
from ..state_restored import state_restored
from .class_check import class_warnings
from .loss_lines import loss_lines, merged_losses
from .lost_hooks import lost_hooks
from .panel_lines import first_line, level_lines, model_line, schedule_lines
from .teacher_score import chosen_classes, score_teacher
from .weight_origin import student_origins, teacher_origin

KNOWS_NOTHING = (
    'check that teacher_checkpoint holds trained weights, that its config has the '
    'mean, std and channel order of its training, and that it numbers the classes as '
    'the data set does'
)
REVERSED = (
    'student and teacher have one mean in one order, but only one of them reverses the '
    'channels, so that they are reversed for the teacher: if it was trained on images '
    'that were RGB in memory (as CIFAR is) and yours are files, give it a config of '
    'your own with data_preprocessor=dict(to_rgb=True)'
)


@dataclass
class Preflight:
    """The outcome; as a string it is the panel.

    Attributes:
        rows: Lines by their label.
        warnings: What should not go unnoticed.
    """

    rows: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, label: str, look: Callable[[], list[str]]) -> None:
        """Add what ``look`` returns; one line where it fails, whatever the reason."""
        try:
            lines = look()
        except Exception as error:  # of the user's data, metric or files
            lines = [f'not known: {first_line(error)}']
        if lines:
            self.rows.setdefault(label, []).extend(lines)

    def __str__(self) -> str:
        width = max(map(len, self.rows)) + 2
        return '\n'.join(
            f'  {label if i == 0 else "":<{width}}{line}'
            for label, lines in self.rows.items()
            for i, line in enumerate(lines)
        )


def preflight(runner: Runner, model: TSKDDistiller) -> Preflight:
    """Look at models, weights, the teacher's metric, levels and schedule.

    Trains and changes nothing: the run goes on to the last bit as it would have
    without. Nothing that is wrong ends it. Every process must call this.

    Args:
        runner: About to train.
        model: The runner's, out of its wrapper, with its teacher.
    """
    start = time.perf_counter()
    found = Preflight()
    teacher = model.require_teacher()
    with state_restored(model), _quiet():
        found.add('student', lambda: [model_line(model.student)])
        found.add('student', lambda: _student_weights(found, runner, model))
        found.add('teacher', lambda: [model_line(teacher.model)])
        found.add('teacher', lambda: [f'weights: {teacher_origin(model)}'])
        found.add('teacher', lambda: _teacher_score(found, runner, model))
        found.add('data', lambda: _class_warnings(found, runner, model))
        found.add('levels', lambda: level_lines(model))
        found.add('losses', lambda: _losses(found, runner, model))
        found.add('hooks', lambda: _lost_hooks(found, runner))
        found.add('schedule', lambda: schedule_lines(runner))
    if teacher.adapt.doubtful:
        found.warnings.append(REVERSED)
    found.rows['preflight'] = [f'{time.perf_counter() - start:.1f} s']
    return found


def _student_weights(
    found: Preflight, runner: Runner, model: TSKDDistiller
) -> list[str]:
    origins = [*student_origins(runner, model.student)]
    found.warnings += [warning for _, warning in origins if warning]
    lines = [line for line, _ in origins]
    return lines or ['weights: none given, so what its config initialises']


def _losses(found: Preflight, runner: Runner, model: TSKDDistiller) -> list[str]:
    found.warnings += merged_losses(runner.cfg, model)
    return loss_lines(runner.cfg, model)


def _lost_hooks(found: Preflight, runner: Runner) -> list[str]:
    lost = [*lost_hooks(runner)]
    found.warnings += [hooks.warning for hooks in lost]
    return [f'lost: {hooks}' for hooks in lost]


def _class_warnings(
    found: Preflight, runner: Runner, model: TSKDDistiller
) -> list[str]:
    found.warnings += class_warnings(runner, model.student)
    return []


def _teacher_score(found: Preflight, runner: Runner, model: TSKDDistiller) -> list[str]:
    try:
        chosen = chosen_classes(model)
        if not is_main_process():
            return []
        score = score_teacher(runner, model, chosen)
    except Exception as error:
        reason = first_line(error)
        found.warnings.append(
            f'the teacher cannot be tested on the validation images ({reason}): look '
            "into it now, the student's validation can fail in the same way"
        )
        return [f'not measured: {reason}']
    if score.failing:
        weights = found.rows['teacher'][-1]
        found.warnings.append(
            f'the teacher seems to know nothing ({score.text}; {weights}): '
            f'{KNOWS_NOTHING}'
        )
    return [score.text]


@contextmanager
def _quiet() -> Iterator[None]:
    """Data sets and metrics are built once more, and have said it all before."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('CRITICAL')
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logger.setLevel(level)
