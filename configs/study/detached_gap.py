"""A review that does not pull the student towards the teacher: must the gap be felt?"""

from collections.abc import Sequence

from mmengine.registry import MODELS
from torch import Tensor, nn

from tskd_mm.models import TemporalReview
from tskd_mm.models.attention_map import attention_map
from tskd_mm.models.increment import increment, increment_sequence
from tskd_mm.models.valid_pixels import masked_mean


@MODELS.register_module()
class DetachedGap(TemporalReview):
    """The student feels the last increment alone, which the predictor reads."""

    def _level_loss(
        self,
        predictor: nn.Module,
        past: Sequence[Tensor],
        student: Tensor,
        teacher: Tensor,
        valid: Tensor | None,
        weight: float,
    ) -> Tensor:
        *history, current, wanted = (
            attention_map(f, self.normalize, valid) for f in (*past, student, teacher)
        )
        known = current.detach()
        felt = known + weight * (current - known)
        prediction = predictor(increment_sequence(history, felt))
        return masked_mean((prediction - increment(known, wanted)).square(), valid)
