from .hooks import DistillationHook, TSKDMemoryHook, TSKDVisualizationHook
from .schedule import Node, ReviewSchedule
from .tskd_log_processor import TSKDLogProcessor

__all__ = [
    'DistillationHook',
    'Node',
    'ReviewSchedule',
    'TSKDLogProcessor',
    'TSKDMemoryHook',
    'TSKDVisualizationHook',
]
