from .hooks import DistillationHook, TSKDMemoryHook
from .schedule import Node, ReviewSchedule

__all__ = ['DistillationHook', 'Node', 'ReviewSchedule', 'TSKDMemoryHook']
