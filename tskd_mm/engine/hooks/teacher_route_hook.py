"""Changes the teacher in the course of the training."""

from collections.abc import Sequence
from typing import Any

from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, Runner

from ..distiller_hook import DistillerHook
from ..schedule.teacher_route import TeacherRoute


@HOOKS.register_module()
class TeacherRouteHook(DistillerHook):
    """Uses several checkpoints of one teacher, one after the other.

    ``dict(type='TeacherRouteHook', checkpoints=[(0, 'epoch_3.pth'), (4,
    'epoch_12.pth')])`` starts with an early checkpoint, from which a student may learn
    more easily, and changes to the last one in epoch 4 (counted from 0). In an
    iteration-based loop the numbers are iterations. Before the first entry the model's
    ``teacher_checkpoint`` is used. A resumed run continues with the right teacher.

    Args:
        checkpoints: Pairs of an epoch or iteration and a path or URL. All have weights
            of the teacher's config and are read once before the first step. An entry
            at 0 must be the same as ``teacher_checkpoint``.

    Raises:
        ValueError: If the numbers do not increase.
    """

    priority = 'ABOVE_NORMAL'  # before the preflight looks at the teacher

    def __init__(self, checkpoints: Sequence[tuple[int, str]]) -> None:
        self.route = TeacherRoute(checkpoints)
        self.current: str | None = None

    def before_train(self, runner: Runner) -> None:
        """Check every file, and set the current teacher.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If one does not fit the teacher, or the entry at 0 is another
                than ``teacher_checkpoint``.
        """
        model = self.distiller(runner)
        teacher = model.require_teacher()
        first = self.route.checkpoint(0)
        if first not in (None, model.teacher_checkpoint):
            raise ValueError(
                f'the route of TeacherRouteHook starts with {first}, but '
                f'teacher_checkpoint is {model.teacher_checkpoint}: give both the '
                'same, or leave the entry at 0 out'
            )
        self.current = first
        with teacher.weights_restored():
            for checkpoint in self.route.checkpoints[0 if first is None else 1 :]:
                teacher.load(checkpoint, model.trust_teacher_checkpoint)
        self._follow(runner)

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        self._follow(runner)

    def _follow(self, runner: Runner) -> None:
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        step = runner.epoch if by_epoch else runner.iter
        checkpoint = self.route.checkpoint(step)
        if checkpoint is None or checkpoint == self.current:
            return
        model = self.distiller(runner)
        model.require_teacher().load(checkpoint, model.trust_teacher_checkpoint)
        self.current = checkpoint
        unit = 'epoch' if by_epoch else 'iteration'
        runner.logger.info(f'{unit} {step}: the teacher has weights from {checkpoint}')
