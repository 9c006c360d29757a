from .hooks import (
    DistillationHook,
    LossBalanceHook,
    LossWeightHook,
    TeacherRouteHook,
    TSKDMemoryHook,
    TSKDVisualizationHook,
)
from .schedule import Node, ReviewSchedule, WeightCurve, WeightRamp
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
    'WeightCurve',
    'WeightRamp',
]
