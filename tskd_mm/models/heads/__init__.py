"""What the heads of two detectors say about one batch."""

from .compared_heads import ComparedHeads
from .head_comparison import HeadComparison

__all__ = ['ComparedHeads', 'HeadComparison']
