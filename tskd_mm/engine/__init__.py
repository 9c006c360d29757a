from .factor_ramp import FactorRamp
from .hooks import (
    DistillationHook,
    LossWeightHook,
    TSKDMemoryHook,
    TSKDVisualizationHook,
)
from .schedule import Node, ReviewSchedule
from .tskd_log_processor import TSKDLogProcessor

__all__ = [
    'DistillationHook',
    'FactorRamp',
    'LossWeightHook',
    'Node',
    'ReviewSchedule',
    'TSKDLogProcessor',
    'TSKDMemoryHook',
    'TSKDVisualizationHook',
]
