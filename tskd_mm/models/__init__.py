from . import backbones
from .distillers import TSKDDistiller
from .features import attention_map
from .loading import find_model
from .losses import (
    AttentionTransferLoss,
    BCKDLoss,
    CrossKDLoss,
    CWDLoss,
    DISTLoss,
    DKDLoss,
    FGDLoss,
    FitNetLoss,
    LDLoss,
    LogitKLLoss,
    MGDLoss,
    MultiLabelKLLoss,
    PKDLoss,
    QueryKDLoss,
    ReviewKDLoss,
    RoIHeadKDLoss,
    ScoreWeightedL2Loss,
)
from .review import (
    IncrementPredictor,
    Review,
    TemporalReview,
    increment,
    increment_sequence,
)

__all__ = [
    'AttentionTransferLoss',
    'BCKDLoss',
    'CrossKDLoss',
    'LDLoss',
    'ScoreWeightedL2Loss',
    'CWDLoss',
    'DISTLoss',
    'DKDLoss',
    'FGDLoss',
    'FitNetLoss',
    'IncrementPredictor',
    'LogitKLLoss',
    'MGDLoss',
    'MultiLabelKLLoss',
    'PKDLoss',
    'QueryKDLoss',
    'Review',
    'ReviewKDLoss',
    'RoIHeadKDLoss',
    'TSKDDistiller',
    'TemporalReview',
    'attention_map',
    'backbones',
    'find_model',
    'increment',
    'increment_sequence',
]
