"""Tells the distiller when to memorize and when to review."""

from dataclasses import asdict
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, Runner

from ...models.tskd_distiller import TSKDDistiller
from ..schedule import ReviewSchedule

ENTRY = 'tskd'  # top-level key of the checkpoint


@HOOKS.register_module()
class TSKDMemoryHook(Hook):
    """Runs the cycle M1, ..., Mn, R of memories and reviews.

    The hook decides when, :class:`~tskd_mm.models.tskd_distiller.TSKDDistiller` holds
    the state. Predictors and memories are saved under one entry of the checkpoint,
    ``'tskd'``, and brought back by ``--resume``.

    Args:
        interval: Epochs (or iterations) from one node of the cycle to the next; 5
            epochs of 240 in the release.
        num_slots: Memories between two reviews.
        by_epoch: Count epochs; False counts iterations.
        review_length: How long a review lasts, in the same unit. Default: one epoch,
            or a fifth of the interval in iterations, the release's proportion.

    Raises:
        ValueError: If a number is not positive or the review outlasts the interval.
    """

    def __init__(
        self,
        interval: int = 5,
        num_slots: int = 3,
        by_epoch: bool = True,
        review_length: int | None = None,
    ) -> None:
        if review_length is None:
            review_length = 1 if by_epoch else max(1, interval // 5)
        self.schedule = ReviewSchedule(interval, num_slots, review_length)
        self.by_epoch = by_epoch

    def before_train(self, runner: Runner) -> None:
        """Check that every review will find its memories."""
        _distiller(runner)
        self._check_loop(runner)
        self._check_reviews(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        if self.by_epoch:
            self._enter(runner, runner.epoch)

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        if not self.by_epoch:
            self._enter(runner, runner.iter)
        if _distiller(runner).phase != 'review':
            # mmengine would go on showing the last value of a loss that is absent.
            runner.message_hub.log_scalars.pop('train/loss_review', None)

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        if not self.by_epoch:
            self._leave(runner, runner.iter)

    def after_train_epoch(self, runner: Runner) -> None:
        if self.by_epoch:
            self._leave(runner, runner.epoch)

    def after_train(self, runner: Runner) -> None:
        _distiller(runner).phase = 'general'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint[ENTRY] = {
            'schedule': self._describe(),
            **_distiller(runner).tskd_state(),
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """On resume, bring back predictors and memories.

        Raises:
            ValueError: If the checkpoint has no TSKD entry or another schedule.
        """
        if not runner._resume:
            return
        if ENTRY not in checkpoint:
            raise ValueError(
                f'the checkpoint has no entry {ENTRY!r}: it was not saved by a TSKD '
                'run and cannot be resumed as one; to start a new run from its weights '
                'set load_from without resume'
            )
        saved = checkpoint[ENTRY]
        if saved['schedule'] != self._describe():
            raise ValueError(
                f'the checkpoint was saved with the schedule {saved["schedule"]}, but '
                f'the config has {self._describe()}: set TSKDMemoryHook back, or start '
                'a new run with load_from without resume'
            )
        _distiller(runner).load_tskd_state(saved)

    def _describe(self) -> dict[str, Any]:
        return {**asdict(self.schedule), 'by_epoch': self.by_epoch}

    def _enter(self, runner: Runner, step: int) -> None:
        _distiller(runner).phase = self.schedule.node(step).kind

    def _leave(self, runner: Runner, step: int) -> None:
        slot = self.schedule.node(step).slot
        if slot is not None:
            _distiller(runner).memorize(slot)

    def _check_loop(self, runner: Runner) -> None:
        if self.by_epoch and not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(
                'TSKDMemoryHook counts epochs (by_epoch=True), but the train loop is '
                f'{type(runner.train_loop).__name__}, which has none: set '
                'by_epoch=False and interval in iterations'
            )

    def _check_reviews(self, runner: Runner) -> None:
        unit = 'epoch' if self.by_epoch else 'iteration'
        now = runner.epoch if self.by_epoch else runner.iter
        end = runner.max_epochs if self.by_epoch else runner.max_iters
        first = self.schedule.interval * self.schedule.num_slots
        if end <= first:
            raise ValueError(
                f'the training ends after {unit} {end - 1}, before the first review in '
                f'{unit} {first}: train longer, or set a smaller interval or num_slots '
                'in TSKDMemoryHook'
            )
        filled = set(_distiller(runner).bank.slots)
        for step, node in self.schedule.nodes(now, end):
            if node.slot is not None:
                filled.add(node.slot)
            elif len(filled) < self.schedule.num_slots:
                raise ValueError(
                    f'the review in {unit} {step} needs {self.schedule.num_slots} '
                    f'memories, but only {len(filled)} will be filled by then: start '
                    'at the first memory of the cycle, or resume a checkpoint that '
                    f'has an entry {ENTRY!r}'
                )


def _distiller(runner: Runner) -> TSKDDistiller:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    if not isinstance(model, TSKDDistiller):
        raise ValueError(
            'TSKDMemoryHook needs a model of type TSKDDistiller, but got '
            f'{type(model).__name__}: wrap the model, or remove the hook'
        )
    return model
