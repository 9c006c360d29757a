"""What the losses on logits share."""

from collections.abc import Iterable

from torch import Tensor, nn


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


def check_activation(losses: Iterable[nn.Module], model: nn.Module, path: str) -> None:
    """Check that no loss has a softmax over labels that do not exclude each other.

    Args:
        losses: On logits; those that say ``activation = 'softmax'`` are checked.
        model: The student.
        path: Of the module that returns its scores.

    Raises:
        ValueError: If one has, and the head is a ``MultiLabelClsHead``.
    """
    softmax = [x for x in losses if getattr(x, 'activation', None) == 'softmax']
    parts = path.split('.') if softmax else []
    for count in range(len(parts)):
        head = model.get_submodule('.'.join(parts[: count + 1]))
        # By name: detectors need no mmpretrain.
        if 'MultiLabelClsHead' in [kind.__name__ for kind in type(head).__mro__]:
            raise ValueError(
                f'{type(softmax[0]).__name__} has a softmax over all classes, but the '
                f'labels of {type(head).__name__} do not exclude each other: write '
                "logit_losses=dict(kl=dict(type='MultiLabelKLLoss'))"
            )
