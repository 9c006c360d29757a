"""A teacher's predictions in the classes of the student."""

from collections.abc import Sequence
from typing import Any

import torch

from ...models.distillers.tskd_distiller import TSKDDistiller
from .class_check import head_classes


def chosen_classes(model: TSKDDistiller) -> list[int] | None:
    """Indices of the student's classes among the teacher's; None to take all.

    Every process must call this: where the names of the classes come from a URL, they
    wait for each other.

    Raises:
        ValueError: If ``teacher_classes`` does not fit both models.
    """
    shared = model.shared_classes
    student = head_classes(model.student)
    teacher = head_classes(model.require_teacher().model)
    if shared is None or student is None or teacher is None:
        return None
    if shared.wanted is None and student != teacher:
        return shared.of_same_names(teacher)
    return shared.indices(student, teacher)


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
