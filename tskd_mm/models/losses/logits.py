"""What the losses on logits share."""

from torch import Tensor


def check_same_classes(student: Tensor, teacher: Tensor) -> None:
    """Check that both logits have one shape.

    Raises:
        ValueError: If they have not.
    """
    if student.shape != teacher.shape:
        raise ValueError(
            'student and teacher logits must have one shape, but got '
            f'{tuple(student.shape)} and {tuple(teacher.shape)}: logits can only '
            'be compared when both models know the same classes'
        )


def standardize(logits: Tensor) -> Tensor:
    """Z-scores of each image's logits, (N, K): mean 0 and standard deviation 1.

    Source: Sun et al., arXiv 2403.01427, algorithm 1; unbiased deviation and
    epsilon of their release.
    """
    mean, deviation = logits.mean(1, keepdim=True), logits.std(1, keepdim=True)
    return (logits - mean) / (deviation + 1e-7)
