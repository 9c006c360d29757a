"""The schedule laid over a whole run."""

from dataclasses import dataclass
from functools import cached_property

from mmengine.runner import Runner

from .review_schedule import ReviewSchedule


@dataclass(frozen=True)
class RunTimeline:
    """A schedule and where the run ends.

    Attributes:
        schedule: As the user wrote it, in epochs or iterations.
        by_epoch: Which of the two.
        end: Iterations of the whole run.
        iters_per_step: Iterations of an epoch; 1 where iterations are counted.
    """

    schedule: ReviewSchedule
    by_epoch: bool
    end: int
    iters_per_step: int

    @property
    def unit(self) -> str:
        """What the schedule counts."""
        return 'epoch' if self.by_epoch else 'iteration'

    @property
    def steps(self) -> int:
        """Epochs or iterations of the whole run."""
        return -(-self.end // self.iters_per_step)

    @property
    def reviews(self) -> int:
        """Reviews in the whole run."""
        return self.schedule.reviews_begun(self.steps)

    @cached_property
    def in_iterations(self) -> ReviewSchedule:
        """The same schedule in iterations."""
        return self.schedule.finer(self.iters_per_step)

    def position(self, runner: Runner, batch_idx: int = 0) -> int:
        """Where the runner is, in iterations of this timeline.

        Of epochs, not of ``runner.iter``: that goes on where a run is resumed with
        other batches or in the middle of an epoch, which begins anew.

        Args:
            runner: In its training.
            batch_idx: Index of the batch in the epoch.
        """
        if not self.by_epoch:
            return runner.iter
        return runner.epoch * self.iters_per_step + batch_idx

    def split(self, start: int) -> tuple[int, int]:
        """Iterations from ``start`` to the end: ordinary ones, and in reviews."""
        reviewing = self.in_iterations.steps_in_review(start, self.end)
        return self.end - start - reviewing, reviewing

    def ends_review(self, iteration: int) -> bool:
        """Whether this is the last iteration of a review."""
        after = iteration + 1
        now, then = (self.in_iterations.node(i).kind for i in (iteration, after))
        return now == 'review' and (then != 'review' or after == self.end)

    def describe(self, iteration: int) -> str:
        """The phase in words, such as ``'memorize M1, next review 2/6'``.

        Args:
            iteration: From 0.
        """
        step = iteration // self.iters_per_step
        node, begun = self.schedule.node(step), self.schedule.reviews_begun(step + 1)
        if node.kind == 'review':
            return f'review {begun}/{self.reviews}'
        phase = node.kind if node.slot is None else f'memorize M{node.slot + 1}'
        if begun == self.reviews:
            return f'{phase}, reviews done {begun}/{self.reviews}'
        return f'{phase}, next review {begun + 1}/{self.reviews}'


def timeline_of(runner: Runner) -> RunTimeline | None:
    """The timeline of the runner's TSKDMemoryHook; None if it has none."""
    for hook in runner.hooks:
        schedule = getattr(hook, 'schedule', None)
        if isinstance(schedule, ReviewSchedule):
            length = len(runner.train_dataloader) if hook.by_epoch else 1
            return RunTimeline(schedule, hook.by_epoch, runner.max_iters, length)
    return None
