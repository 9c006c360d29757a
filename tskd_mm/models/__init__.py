from . import backbones
from .attention_map import attention_map
from .increment import increment, increment_sequence
from .increment_predictor import IncrementPredictor
from .losses import (
    AttentionTransferLoss,
    CWDLoss,
    DKDLoss,
    FGDLoss,
    FitNetLoss,
    LogitKLLoss,
    MGDLoss,
    PKDLoss,
    ReviewKDLoss,
)
from .temporal_review import TemporalReview
from .tskd_distiller import TSKDDistiller

__all__ = [
    'AttentionTransferLoss',
    'CWDLoss',
    'DKDLoss',
    'FGDLoss',
    'FitNetLoss',
    'IncrementPredictor',
    'LogitKLLoss',
    'MGDLoss',
    'PKDLoss',
    'ReviewKDLoss',
    'TSKDDistiller',
    'TemporalReview',
    'attention_map',
    'backbones',
    'increment',
    'increment_sequence',
]
