"""A teacher's predictions in the classes of the student."""

from collections.abc import Sequence
from typing import Any

import torch


def in_student_classes(sample: Any, indices: Sequence[int]) -> Any:
    """Keep what a teacher predicts of the student's classes, under their numbers.

    Args:
        sample: One image's prediction, of a detector (``pred_instances``) or a
            classifier (``pred_score``, (C,)); changed in place.
        indices: For each class of the student its index among the teacher's.

    Returns:
        The sample.
    """
    if 'pred_instances' in sample:
        labels = sample.pred_instances.labels
        found = sample.pred_instances[torch.isin(labels, labels.new_tensor(indices))]
        own = [indices.index(label) for label in found.labels.tolist()]
        found.labels = labels.new_tensor(own)
        sample.pred_instances = found
    if 'pred_score' in sample:
        # set_pred_score would miss the teacher's other classes.
        sample.set_field(sample.pred_score[[*indices]], 'pred_score')
        sample.set_pred_label(sample.pred_score.argmax())
    return sample
