"""How a loss fades over a share of the training."""

import math

SHAPES = ('linear', 'cosine', 'stop')


class LossFade:
    """A factor that goes from 1 to ``final`` between two shares of the run.

    ``'linear'`` and ``'cosine'`` (half a wave) change from ``begin`` to ``end``;
    ``'stop'`` changes at ``begin`` at once. Shares of the training make one recipe
    serve 12, 24 and 300 epochs. A pure function of time, so that a resumed run needs no
    state to go on.

    Args:
        shape: ``'linear'``, ``'cosine'`` or ``'stop'``.
        begin: Share of the training, from 0, up to which the factor is 1.
        end: Share from which it is ``final``. Default: 1; not for ``'stop'``.
        final: The factor at last.

    Raises:
        ValueError: If a setting makes no sense.
    """

    def __init__(
        self,
        shape: str,
        begin: float = 0.0,
        end: float | None = None,
        final: float = 0.0,
    ) -> None:
        if shape not in SHAPES:
            raise ValueError(
                f'the shape of a factor must be one of {", ".join(SHAPES)}, but got '
                f'{shape!r}'
            )
        if shape == 'stop' and end is not None:
            raise ValueError(
                f"a factor of the shape 'stop' changes at begin={begin} at once: "
                f'remove end={end}'
            )
        last = begin if shape == 'stop' else 1.0 if end is None else end
        ordered = begin < last or shape == 'stop'
        if not (begin >= 0 and ordered and last <= 1 and 0 <= final < math.inf):
            raise ValueError(
                'a factor changes between two shares of the training, 0 <= begin < end '
                '<= 1, to a finite final factor of at least 0, but got '
                f'begin={begin}, end={last}, final={final}'
            )
        self.shape = shape
        self.begin = begin
        self.end = last
        self.final = final

    def factor(self, done: float) -> float:
        """The factor when a share ``done`` of the training is done."""
        if done < self.begin:
            return 1.0
        if done >= self.end:
            return self.final
        progress = (done - self.begin) / (self.end - self.begin)
        if self.shape == 'cosine':
            progress = (1 - math.cos(math.pi * progress)) / 2
        return 1 + (self.final - 1) * progress
