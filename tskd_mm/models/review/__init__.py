"""The student's past, and what it predicts."""

from .increment_predictor import IncrementPredictor
from .temporal_review import TemporalReview, increment, increment_sequence

__all__ = ['IncrementPredictor', 'TemporalReview', 'increment', 'increment_sequence']
