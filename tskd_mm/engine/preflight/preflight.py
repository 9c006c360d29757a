"""What a run will be, known before it starts."""

import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO

from mmengine.dist import is_main_process
from mmengine.runner import Runner

from ...models.distillers.tskd_distiller import TSKDDistiller
from ..log_level import log_level
from ..state_restored import state_restored
from .class_check import class_warnings
from .loss_lines import loss_lines
from .lost_hooks import lost_hooks
from .panel_lines import first_line, level_lines, model_line, schedule_lines
from .student_classes import chosen_classes
from .teacher_score import score_teacher
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

    def add(self, label: str, look: Callable[[], Iterable[tuple[str, str]]]) -> None:
        """Add lines and warnings; one line where ``look`` fails, whatever the reason.

        Args:
            label: Of the lines.
            look: Returns pairs of a line and a warning; either can be empty.
        """
        try:
            found = [*look()]
        except Exception as error:  # of the user's data, metric or files
            found = [(f'not known: {first_line(error)}', '')]
        lines = [line for line, _ in found if line]
        if lines:
            self.rows.setdefault(label, []).extend(lines)
        self.warnings += [warning for _, warning in found if warning]

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
    # Data sets and metrics are built once more, and have logged it all before.
    with state_restored(model), log_level('CRITICAL'), redirect_stdout(StringIO()):
        found.add('student', lambda: _plain(model_line(model.student)))
        found.add('student', lambda: _student_weights(runner, model))
        found.add('teacher', lambda: _plain(model_line(teacher.model)))
        found.add('teacher', lambda: _plain(f'weights: {teacher_origin(model)}'))
        weights = found.rows['teacher'][-1]
        found.add('teacher', lambda: _teacher_score(runner, model, weights))
        found.add(
            'data', lambda: [('', w) for w in class_warnings(runner, model.student)]
        )
        found.add('levels', lambda: _plain(*level_lines(model)))
        found.add('losses', lambda: loss_lines(runner.cfg, model))
        found.add('hooks', lambda: lost_hooks(runner))
        found.add('schedule', lambda: _plain(*schedule_lines(runner)))
    if teacher.adapt.doubtful:
        found.warnings.append(REVERSED)
    found.rows['preflight'] = [f'{time.perf_counter() - start:.1f} s']
    return found


def _plain(*lines: str) -> list[tuple[str, str]]:
    return [(line, '') for line in lines]


def _student_weights(runner: Runner, model: TSKDDistiller) -> list[tuple[str, str]]:
    origins = [*student_origins(runner, model.student)]
    return origins or _plain('weights: none given, so what its config initialises')


def _teacher_score(
    runner: Runner, model: TSKDDistiller, weights: str
) -> list[tuple[str, str]]:
    try:
        chosen = chosen_classes(model)
        if not is_main_process():
            return []
        score = score_teacher(runner, model, chosen)
    except Exception as error:
        reason = first_line(error)
        warning = (
            f'the teacher cannot be tested on the validation images ({reason}): look '
            "into it now, the student's validation can fail in the same way"
        )
        return [(f'not measured: {reason}', warning)]
    if not score.failing:
        return _plain(score.text)
    warning = f'the teacher seems to know nothing ({score.text}; {weights})'
    return [(score.text, f'{warning}: {KNOWS_NOTHING}')]
