from . import backbones, losses
from .distillers import TSKDDistiller
from .features import attention_map
from .loading import find_model
from .losses import *  # noqa: F403
from .review import (
    IncrementPredictor,
    Review,
    TemporalReview,
    increment,
    increment_sequence,
)

__all__ = [
    'IncrementPredictor',
    'Review',
    'TSKDDistiller',
    'TemporalReview',
    'attention_map',
    'backbones',
    'find_model',
    'increment',
    'increment_sequence',
]
__all__ += losses.__all__
