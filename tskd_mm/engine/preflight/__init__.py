from .preflight import Preflight, preflight

__all__ = ['Preflight', 'preflight']
