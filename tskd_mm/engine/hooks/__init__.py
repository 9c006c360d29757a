from .tskd_memory_hook import TSKDMemoryHook

__all__ = ['TSKDMemoryHook']
