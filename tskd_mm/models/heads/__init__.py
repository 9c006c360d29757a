"""What the heads of two detectors predict for one batch."""

from .compared_heads import ComparedHeads
from .dense_heads import DenseHeads
from .dense_outputs import DenseOutputs
from .dense_reader import DenseReader, reads
from .head_comparison import HeadComparison
from .query_heads import QueryHeads, QueryOutputs
from .roi_heads import RoIHeads, RoIOutputs

__all__ = [
    'ComparedHeads',
    'DenseHeads',
    'DenseOutputs',
    'DenseReader',
    'HeadComparison',
    'QueryHeads',
    'QueryOutputs',
    'RoIHeads',
    'RoIOutputs',
    'reads',
]
