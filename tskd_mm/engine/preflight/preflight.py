"""What a training will be, known before it starts."""

import time
from dataclasses import dataclass, field

from mmengine.dist import is_main_process
from mmengine.runner import Runner

from ...models.distillers.tskd_distiller import TSKDDistiller
from ...models.loading.model_config import find_model
from ...models.teacher.frozen_teacher import FrozenTeacher
from ..schedule.run_timeline import timeline_of
from .lines import model_line, schedule_lines
from .phase_trial import try_phases
from .student_start import pretrained_parts
from .teacher_score import score_teacher
from .untouched import untouched


@dataclass
class Preflight:
    """The outcome; as a string it is the panel.

    Attributes:
        rows: Lines by their label.
        warnings: What should not go unnoticed.
    """

    rows: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        width = max(map(len, self.rows)) + 2
        return '\n'.join(
            f'  {label if i == 0 else "":<{width}}{line}'
            for label, lines in self.rows.items()
            for i, line in enumerate(lines)
        )


def preflight(runner: Runner, model: TSKDDistiller) -> Preflight:
    """Look at models, schedule and data, and try a step of either kind.

    Takes seconds and changes nothing: the training goes on to the last bit as it
    would have without. Every process must call it.

    Args:
        runner: About to train.
        model: The runner's, out of its wrapper.

    Raises:
        RuntimeError: If the teacher has no weights yet.
    """
    if model.teacher is None:
        raise RuntimeError('the preflight needs the teacher: call init_weights() first')
    start = time.perf_counter()
    found = Preflight()
    plan = timeline_of(runner)
    with untouched(model):
        _look_at_student(found, runner, model)
        _look_at_teacher(found, runner, model, model.teacher)
        if plan is not None:
            found.rows['schedule'] = schedule_lines(plan)
        found.rows |= try_phases(runner, model, model.teacher, plan)
    found.rows['preflight'] = [f'{time.perf_counter() - start:.1f} s']
    return found


def _look_at_student(found: Preflight, runner: Runner, model: TSKDDistiller) -> None:
    found.rows['student'] = [model_line(model.student)]
    if runner._resume or runner._load_from:
        return  # its weights are those of a checkpoint of the whole
    # On every process: mmengine waits for all where the file is from the web.
    for part in pretrained_parts(model.student):
        found.rows['student'].append(str(part))
        if part.random:
            found.warnings.append(
                f'the student starts mostly from random weights ({part}): the file has '
                f'other names than {part.type}; take the model of the library that the '
                "file was made with, such as type='mmpretrain.MobileNetV2', or correct "
                'the prefix in init_cfg'
            )


def _look_at_teacher(
    found: Preflight, runner: Runner, model: TSKDDistiller, teacher: FrozenTeacher
) -> None:
    origin = _weights_of_teacher(model)
    found.rows['teacher'] = [model_line(teacher.model), f'weights: {origin}']
    if not is_main_process():
        return
    score = score_teacher(runner, model, teacher)
    found.rows['teacher'].append(score.text)
    if score.failing:
        found.warnings.append(
            f'the teacher seems to know nothing ({score.text}; weights: {origin}): '
            'check that teacher_checkpoint holds trained weights, that its config has '
            'the mean, std and channel order of its training, and that it numbers the '
            'classes as the data set does'
        )
    if score.error:
        found.warnings.append(
            f'the teacher cannot be tested on the validation images ({score.error}): '
            "look into it now, the student's validation can end in the same way"
        )
    if teacher.adapt.doubtful:
        found.warnings.append(
            'student and teacher have one mean in one order, but only one of them '
            'reverses the channels, so that they are reversed for the teacher: if it '
            'was trained on images that were RGB in memory (as CIFAR is) and yours are '
            'files, give it a config of your own with data_preprocessor=dict(to_rgb='
            'True)'
        )


def _weights_of_teacher(model: TSKDDistiller) -> str:
    if model.teacher_checkpoint is None:
        return "none given, so what the teacher's config initialises"
    if model.teacher_checkpoint == 'auto':
        return find_model(model.teacher_config, 'teacher').weights_in_index()
    return model.teacher_checkpoint
