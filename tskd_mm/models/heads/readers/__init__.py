"""Readers of dense heads, one file a family."""

from .atss import ATSSReader
from .fcos import FCOSReader
from .gfl import GFLReader
from .retina import RetinaReader
from .rtmdet import RTMDetReader, RTMDetSepBNReader
from .tood import TOODReader
from .vfnet import VFNetReader
from .yolox import YOLOXReader

__all__ = [
    'ATSSReader',
    'FCOSReader',
    'GFLReader',
    'RTMDetReader',
    'RTMDetSepBNReader',
    'RetinaReader',
    'TOODReader',
    'VFNetReader',
    'YOLOXReader',
]
