from .hooks import TSKDMemoryHook
from .schedule import Node, ReviewSchedule

__all__ = ['Node', 'ReviewSchedule', 'TSKDMemoryHook']
