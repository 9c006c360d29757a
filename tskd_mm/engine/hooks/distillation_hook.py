"""Takes charge of a distiller's training: its state, random numbers and checks."""

from typing import Any

from mmengine.dist import barrier
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop, Runner

from ...models.features.compiled_parts import compile_options
from ..distiller_hook import DistillerHook
from ..preflight import preflight
from ..preflight.data_check import check_data
from ..resume.checkpoint_entry import add_entry, bring_back_entry, take_out_extras
from ..resume.crash_safe import mend_last_checkpoint, save_crash_safely
from ..resume.random_state import follow_resumed_seed, seed_epoch, seed_iterations
from .hook_order import check_hooks


@HOOKS.register_module()
class DistillationHook(DistillerHook):
    """For a distiller without a review: the static losses alone.

    - Layers that are trained with the student are saved in one entry of the checkpoint,
      ``'tskd'``, and restored by ``--resume``.
    - The random numbers of every epoch (in an iteration loop of every iteration)
      depend only on the seed and its number, so a resumed run draws the same ones.
    - After a crash, even while a checkpoint is written, the run can be resumed.

    Args:
        save_state: Write the entry. Without it a checkpoint is as small as the plain
            student's, and cannot be resumed as a distillation.
        preflight: Before the first step, log a panel with models, weights, the
            teacher's metric, levels and schedule. It takes seconds, changes nothing
            and never stops a run.
    """

    def __init__(self, save_state: bool = True, preflight: bool = True) -> None:
        self.save_state = save_state
        self.preflight = preflight

    def before_run(self, runner: Runner) -> None:
        """Before the checkpoint to resume is looked for, and before the teacher."""
        self._first_seed = runner.seed
        hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
        mend_last_checkpoint(runner.work_dir, [h.out_dir for h in hooks if h.out_dir])
        barrier()  # every process looks for the checkpoint, but one mends
        for hook in hooks:
            save_crash_safely(hook)
        if isinstance(runner._train_loop, BaseLoop):  # else this is a test
            dataset = runner.train_dataloader.dataset
            names = (getattr(dataset, 'metainfo', None) or {}).get('classes')
            self.distiller(runner).class_names = names

    def before_train(self, runner: Runner) -> None:
        """Check that the training can do what the config asks for.

        Raises:
            ValueError: If the model is not a distiller, its review has no schedule,
                hooks contradict each other, or the data cannot train the model.
        """
        check_hooks(runner, DistillationHook)
        self.check(runner)
        check_data(runner.train_dataloader, self.distiller(runner).student)
        follow_resumed_seed(runner, self._first_seed)
        seed_iterations(runner)
        self.distiller(runner).phase = 'general'
        if self.preflight:
            found = preflight(runner, self.distiller(runner))
            runner.logger.info(f'before the first step:\n{found}')
            for warning in found.warnings:
                runner.logger.warning(warning)
        self.distiller(runner).fold_teacher()
        self._compile(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        seed_epoch(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if 'optimizer' not in checkpoint:
            return  # the best checkpoint: not for resuming
        parts = checkpoint, self.distiller(runner), runner.optim_wrapper
        if self.save_state:
            add_entry(*parts, self.schedule_state())
        else:
            take_out_extras(*parts)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """On resume, restore the layers that are trained with the student.

        Raises:
            ValueError: If the checkpoint has no TSKD entry, or it is of another
                student or schedule.
        """
        if runner._resume:
            check_hooks(runner, DistillationHook)
            state = self.schedule_state()
            bring_back_entry(checkpoint, self.distiller(runner), state)

    def check(self, runner: Runner) -> None:
        """Check that hook, model and training loop belong together."""
        if self.distiller(runner).review is not None:
            raise ValueError(
                'DistillationHook runs no reviews, but the TSKDDistiller has one: use '
                'the hook TSKDMemoryHook, or set review=None in the model'
            )

    def schedule_state(self) -> dict[str, Any] | None:
        """Settings that must be the same in a run and the one that it resumes."""
        return None

    def _compile(self, runner: Runner) -> None:
        options = compile_options(runner.cfg.get('compile'))
        if options is not None:
            # mmengine compiles the whole step, in which taps come and go.
            vars(runner.model).pop('train_step', None)
        self.distiller(runner).compile_parts(options)
