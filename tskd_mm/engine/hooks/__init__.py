from .distillation_hook import DistillationHook
from .tskd_memory_hook import TSKDMemoryHook
from .tskd_visualization_hook import TSKDVisualizationHook

__all__ = ['DistillationHook', 'TSKDMemoryHook', 'TSKDVisualizationHook']
