from .hooks import (
    DistillationHook,
    LossWeightHook,
    TSKDMemoryHook,
    TSKDVisualizationHook,
)
from .schedule import Node, ReviewSchedule, WeightRamp
from .tskd_log_processor import TSKDLogProcessor

__all__ = [
    'DistillationHook',
    'LossWeightHook',
    'Node',
    'ReviewSchedule',
    'TSKDLogProcessor',
    'TSKDMemoryHook',
    'TSKDVisualizationHook',
    'WeightRamp',
]
