from .hooks import (
    DistillationHook,
    LossBalanceHook,
    LossWeightHook,
    TeacherRouteHook,
    TSKDMemoryHook,
    TSKDVisualizationHook,
)
from .schedule import LossFade, Node, ReviewSchedule, WeightPoints
from .tskd_log_processor import TSKDLogProcessor

__all__ = [
    'DistillationHook',
    'LossBalanceHook',
    'LossWeightHook',
    'Node',
    'ReviewSchedule',
    'TSKDLogProcessor',
    'TSKDMemoryHook',
    'TSKDVisualizationHook',
    'TeacherRouteHook',
    'LossFade',
    'WeightPoints',
]
