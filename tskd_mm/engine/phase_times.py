"""How long iterations take, in reviews and outside."""

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
