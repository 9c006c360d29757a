"""The model that the runner trains, and how it looks like its student."""

from .tskd_distiller import TSKDDistiller

__all__ = ['TSKDDistiller']
