"""The log line: which phase it is, and when the training will be over."""

from mmengine.hooks import IterTimerHook
from mmengine.registry import LOG_PROCESSORS
from mmengine.runner import LogProcessor, Runner

from .schedule.run_timeline import RunTimeline, timeline_of

# Student forward, backward (as much as two forwards) and teacher forward.
ORDINARY_PASSES = 4


class PhaseTimes:
    """Mean times of an iteration, apart for reviews and for all else.

    Until both kinds have been seen the other is estimated: a review adds one forward
    pass for each memory to the four or so of an ordinary iteration.

    Args:
        num_slots: Memories that look at the batch in a review.
    """

    def __init__(self, num_slots: int) -> None:
        self.ratio = 1 + num_slots / ORDINARY_PASSES
        self.seconds = {False: 0.0, True: 0.0}
        self.counts = {False: 0, True: 0}

    def add(self, seconds: float, review: bool) -> None:
        """Take down one iteration."""
        self.seconds[review] += seconds
        self.counts[review] += 1

    def mean(self, review: bool) -> float:
        """Seconds of one iteration; 0 before the first."""
        if self.counts[review]:
            return self.seconds[review] / self.counts[review]
        if self.counts[not review]:
            return self.mean(not review) * (self.ratio if review else 1 / self.ratio)
        return 0.0

    def left(self, ordinary: int, reviewing: int) -> float:
        """Seconds that so many iterations of both kinds will take."""
        return ordinary * self.mean(False) + reviewing * self.mean(True)


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
        timeline = timeline_of(runner) if mode == 'train' else None
        if timeline is None:
            return super().get_log_after_iter(runner, batch_idx, mode)
        position = timeline.position(runner, batch_idx)
        self._update_eta(runner, timeline, position)
        window = self.window_size
        # Means shall not mix a review with what was before: its losses are others.
        self.window_size = min(window, timeline.in_iterations.since_change(position))
        scalars, line = super().get_log_after_iter(runner, batch_idx, mode)
        self.window_size = window
        start, _, rest = line.partition(']  ')
        return scalars, f'{start}]  [{timeline.describe(position)}]  {rest}'

    def _update_eta(self, runner: Runner, timeline: RunTimeline, position: int) -> None:
        timer = next((h for h in runner.hooks if isinstance(h, IterTimerHook)), None)
        if timer is None:
            return
        if self.times is None:
            self.times = PhaseTimes(timeline.schedule.num_slots)
            self.timed = timer.start_iter
        seconds, _ = runner.message_hub.get_scalar('train/time').data
        done = runner.iter + 1
        for iteration, time in zip(
            range(self.timed, done), seconds[self.timed - done :]
        ):
            node = timeline.in_iterations.node(iteration + position - runner.iter)
            self.times.add(time, node.kind == 'review')
        self.timed = done
        left = self.times.left(*timeline.split(position + 1))
        runner.message_hub.update_info('eta', left)
