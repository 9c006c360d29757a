"""What happens when: pure functions of the epoch or the iteration."""

from .review_schedule import Node, ReviewSchedule
from .weight_curve import WeightCurve
from .weight_ramp import WeightRamp

__all__ = ['Node', 'ReviewSchedule', 'WeightCurve', 'WeightRamp']
