from .distillation_hook import DistillationHook
from .tskd_memory_hook import TSKDMemoryHook

__all__ = ['DistillationHook', 'TSKDMemoryHook']
