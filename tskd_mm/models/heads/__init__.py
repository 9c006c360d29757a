"""What the heads of two detectors predict for one batch."""

from .dense_heads import DenseHeads
from .dense_outputs import DenseOutputs
from .dense_reader import DenseReader, reads
from .head_kind import HeadKind
from .query_heads import QueryHeads, QueryOutputs
from .roi_heads import RoIHeads, RoIOutputs

__all__ = [
    'HeadKind',
    'DenseHeads',
    'DenseOutputs',
    'DenseReader',
    'QueryHeads',
    'QueryOutputs',
    'RoIHeads',
    'RoIOutputs',
    'reads',
]
