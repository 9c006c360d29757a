"""What happens when: pure functions of the epoch or the iteration."""

from .loss_fade import LossFade
from .review_schedule import Node, ReviewSchedule
from .weight_points import WeightPoints

__all__ = ['Node', 'ReviewSchedule', 'LossFade', 'WeightPoints']
