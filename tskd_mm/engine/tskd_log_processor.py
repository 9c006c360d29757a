"""The log line: which phase it is, and when the training will be over."""

from mmengine.hooks import IterTimerHook
from mmengine.registry import LOG_PROCESSORS
from mmengine.runner import LogProcessor, Runner

from .phase_times import PhaseTimes
from .review_plan import ReviewPlan, plan_of


@LOG_PROCESSORS.register_module()
class TSKDLogProcessor(LogProcessor):
    """mmengine's log line with the phase, and an ETA that knows that reviews are slow.

    TSKDMemoryHook puts it in the place of mmengine's own with the same settings; a
    log processor of the user's own stays. The arguments are mmengine's.
    """

    times: PhaseTimes | None = None
    timed: int = 0  # iterations whose times have been taken down
    window_size: int

    @classmethod
    def like(cls, host: LogProcessor) -> 'TSKDLogProcessor':
        """One with the settings of another log processor."""
        processor = cls()
        processor.__dict__.update(vars(host))
        return processor

    def get_log_after_iter(
        self, runner: Runner, batch_idx: int, mode: str
    ) -> tuple[dict, str]:
        """Scalars and line; while training the line names the phase."""
        plan = plan_of(runner) if mode == 'train' else None
        if plan is None:
            return super().get_log_after_iter(runner, batch_idx, mode)
        position = plan.position(runner, batch_idx)
        self._update_eta(runner, plan, position)
        window = self.window_size
        # Means shall not mix a review with what was before: its losses are others.
        self.window_size = min(window, plan.in_iterations.since_change(position))
        scalars, line = super().get_log_after_iter(runner, batch_idx, mode)
        self.window_size = window
        start, _, rest = line.partition(']  ')
        return scalars, f'{start}]  [{plan.describe(position)}]  {rest}'

    def _update_eta(self, runner: Runner, plan: ReviewPlan, position: int) -> None:
        timer = next((h for h in runner.hooks if isinstance(h, IterTimerHook)), None)
        if timer is None:
            return
        if self.times is None:
            self.times = PhaseTimes(plan.schedule.num_slots)
            self.timed = timer.start_iter
        seconds, _ = runner.message_hub.get_scalar('train/time').data
        done = runner.iter + 1
        for iteration, time in zip(
            range(self.timed, done), seconds[self.timed - done :]
        ):
            node = plan.in_iterations.node(iteration + position - runner.iter)
            self.times.add(time, node.kind == 'review')
        self.timed = done
        left = self.times.left(*plan.split(position + 1))
        runner.message_hub.update_info('eta', left)
