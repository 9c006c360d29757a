"""Decides when the distiller memorizes and when it reviews."""

from dataclasses import asdict
from typing import Any

from mmengine.registry import HOOKS
from mmengine.runner import LogProcessor, Runner

from ..schedule.review_schedule import ReviewSchedule
from ..tskd_log_processor import TSKDLogProcessor
from .distillation_hook import DistillationHook


@HOOKS.register_module()
class TSKDMemoryHook(DistillationHook):
    """Runs the cycle M1, ..., Mn, R of snapshots and reviews.

    The hook decides when,
    :class:`~tskd_mm.models.distillers.tskd_distiller.TSKDDistiller` holds the state.
    Everything else is as in :class:`DistillationHook`. Predictors and snapshots are
    part of the entry ``'tskd'``.

    Args:
        interval: Epochs (or iterations) from one node of the cycle to the next; 5
            epochs of 240 in the release.
        num_slots: Snapshots between two reviews.
        by_epoch: Count epochs; False counts iterations.
        review_length: How long a review lasts, in the same unit. Default: one epoch,
            or a fifth of the interval in iterations, the release's proportion.
        save_state: See :class:`DistillationHook`.
        preflight: See :class:`DistillationHook`.

    Raises:
        ValueError: If a number is not positive or the review outlasts the interval.
    """

    def __init__(
        self,
        interval: int = 5,
        num_slots: int = 3,
        by_epoch: bool = True,
        review_length: int | None = None,
        save_state: bool = True,
        preflight: bool = True,
    ) -> None:
        super().__init__(save_state, preflight)
        if review_length is None:
            review_length = 1 if by_epoch else max(1, interval // 5)
        self.schedule = ReviewSchedule(interval, num_slots, review_length)
        self.by_epoch = by_epoch

    def before_train(self, runner: Runner) -> None:
        """Check everything, and let the log show the phases."""
        super().before_train(runner)
        if type(runner.log_processor) is LogProcessor:  # one of the user's own stays
            runner.log_processor = TSKDLogProcessor.like(runner.log_processor)

    def before_train_epoch(self, runner: Runner) -> None:
        super().before_train_epoch(runner)
        if self.by_epoch:
            self._enter(runner, runner.epoch)

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        if not self.by_epoch:
            self._enter(runner, runner.iter)
        if self.distiller(runner).phase != 'review':
            # mmengine would go on showing the last value of a loss that is absent.
            for value in ('loss', 'ratio', 'share', 'factor', 'cosine'):
                runner.message_hub.log_scalars.pop(f'train/{value}_review', None)

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        if not self.by_epoch:
            self._leave(runner, runner.iter)

    def after_train_epoch(self, runner: Runner) -> None:
        if self.by_epoch:
            self._leave(runner, runner.epoch)

    def after_train(self, runner: Runner) -> None:
        self.distiller(runner).phase = 'general'

    def check(self, runner: Runner) -> None:
        """Check that every review will find its memories.

        Raises:
            ValueError: If it will not, or no review would ever happen.
        """
        if self.distiller(runner).review is None:
            raise ValueError(
                'TSKDMemoryHook runs reviews, but the TSKDDistiller has review=None: '
                'use the hook DistillationHook, or remove review=None from the model'
            )
        if self.by_epoch:
            self.require_epochs(runner, 'interval')
        self._check_reviews(runner)

    def schedule_state(self) -> dict[str, Any]:
        """Interval, slots and length of the schedule."""
        return {**asdict(self.schedule), 'by_epoch': self.by_epoch}

    def _enter(self, runner: Runner, step: int) -> None:
        self.distiller(runner).phase = self.schedule.node(step).kind

    def _leave(self, runner: Runner, step: int) -> None:
        slot = self.schedule.node(step).slot
        if slot is not None:
            self.distiller(runner).memorize(slot)

    def _check_reviews(self, runner: Runner) -> None:
        unit = 'epoch' if self.by_epoch else 'iteration'
        now = runner.epoch if self.by_epoch else runner.iter
        end = runner.max_epochs if self.by_epoch else runner.max_iters
        self.schedule.check_length(end, unit)
        bank = self.distiller(runner).bank
        filled = set(bank.slots) if bank else set()
        for step, node in self.schedule.nodes(now, end):
            if node.slot is not None:
                filled.add(node.slot)
            elif len(filled) < self.schedule.num_slots:
                raise ValueError(
                    f'the review in {unit} {step} needs {self.schedule.num_slots} '
                    f'memories, but only {len(filled)} will be filled by then: start '
                    'at the first memory of the cycle, or resume a checkpoint that '
                    "has an entry 'tskd'"
                )
