from .distillation_hook import DistillationHook
from .loss_balance_hook import LossBalanceHook
from .loss_weight_hook import LossWeightHook
from .teacher_route_hook import TeacherRouteHook
from .tskd_memory_hook import TSKDMemoryHook
from .tskd_visualization_hook import TSKDVisualizationHook

__all__ = [
    'DistillationHook',
    'LossBalanceHook',
    'LossWeightHook',
    'TSKDMemoryHook',
    'TSKDVisualizationHook',
    'TeacherRouteHook',
]
