"""What a review is: a loss that looks at the student's past."""

import inspect
from collections.abc import Sequence
from typing import Any

from torch import nn

from ..losses.feature_loss import loss_class

# What a review may declare among the parameters of its ``forward``.
SCORES = ('past_logits', 'student_logits', 'teacher_logits')
REVIEW_INPUTS = (*SCORES, 'data_samples')


class Review(nn.Module):
    """Base class of the losses that a distiller adds in reviews.

    A subclass has ``forward(past, student, teacher, valid, factor)``, which returns a
    scalar. Its inputs are

    - ``past``: features of T past students, oldest first; for each of them one tensor
      (N, C, H, W) per level, without gradient.
    - ``student``, ``teacher``: their features, one (N, C, H, W) per level; the
      teacher's have the student's H and W.
    - ``valid``: masks of the padding, (N, 1, H, W) or None, one per level.
    - ``factor``: scales the gradient that reaches the student, in this batch. The
      review's own layers learn as with 1.

    It can declare more parameters, which are passed as keywords: ``past_logits``, a
    list of (N, K), oldest first (then the head's weights are part of every snapshot);
    ``student_logits`` and ``teacher_logits``, (N, K); ``data_samples``, one per image.
    Features and scores are float32.

    Its parameters are trained with the student, only in reviews. They and its buffers
    are part of the entry ``'tskd'`` of a checkpoint. Every parameter must have a
    gradient in every review.

    If it has a method ``compare`` like that of
    :class:`~tskd_mm.models.review.temporal_review.TemporalReview`, the figures show
    its result.

    Args:
        num_levels: Levels of features; given by the distiller.

    Attributes:
        as_released: Training must agree with the release of TSKD to the last bit, so
            optimisations that change bits are not used.
        compiled: Methods that are compiled if a config has ``compile``.
        compile_options: Options of :func:`torch.compile` for these methods alone. None:
            those of the config, if it has any.
    """

    as_released = False
    compiled: Sequence[str] = ()
    compile_options: dict[str, Any] | None = None

    def __init__(self, num_levels: int) -> None:
        super().__init__()
        self.num_levels = num_levels


def review_inputs(config: dict | None) -> list[str]:
    """What the ``forward`` of a review declares besides the five.

    Args:
        config: Of a review; None if there is none.

    Raises:
        KeyError: If no class of that name is registered.
        ValueError: If it is not a Review.
    """
    if config is None:
        return []
    kind = loss_class({'type': 'TemporalReview'} | config)
    if not issubclass(kind, Review):
        raise ValueError(
            'review must be a Review (tskd_mm.models.Review), but got '
            f'{kind.__name__}: derive it from that class'
        )
    declared = inspect.signature(kind.forward).parameters
    return [name for name in REVIEW_INPUTS if name in declared]
