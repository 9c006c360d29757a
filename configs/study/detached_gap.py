"""A review that does not pull the student towards the teacher: does the gap matter?"""

from mmengine.registry import MODELS
from torch import Tensor

from tskd_mm.models import TemporalReview


@MODELS.register_module()
class DetachedGap(TemporalReview):
    """The gradient reaches the student through the last increment alone."""

    def gap(self, student: Tensor, teacher: Tensor) -> Tensor:
        """As ever, but without the student's gradient."""
        return super().gap(student.detach(), teacher)
