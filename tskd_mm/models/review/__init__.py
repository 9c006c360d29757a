"""The student's past, and what it predicts."""

from .increment_predictor import IncrementPredictor
from .review import Review
from .temporal_review import TemporalReview, increment, increment_sequence

__all__ = [
    'IncrementPredictor',
    'Review',
    'TemporalReview',
    'increment',
    'increment_sequence',
]
