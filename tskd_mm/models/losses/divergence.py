"""KL divergences between the scores of two models."""

import torch.nn.functional as F
from torch import Tensor


def softmax_divergence(
    student: Tensor, teacher: Tensor, dim: int, temperature: float = 1.0
) -> Tensor:
    """``q log(q / p)`` of every class, p and q ``softmax(logits / T)``.

    Its sum over the classes is KL(q || p), q the teacher's.

    Args:
        student: Logits, any shape.
        teacher: Logits of the same shape.
        dim: That of the classes.
        temperature: T.

    Returns:
        The same shape.
    """
    return F.kl_div(
        (student / temperature).log_softmax(dim),
        (teacher / temperature).log_softmax(dim),
        reduction='none',
        log_target=True,
    )


def sigmoid_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(q || p) of every score as a binary problem, p and q ``sigmoid(logits)``.

    Args:
        student: Logits, any shape.
        teacher: Logits of the same shape.

    Returns:
        The same shape; 0 where both are equal.
    """
    return _outcome(student, teacher) + _outcome(-student, -teacher)


def _outcome(student: Tensor, teacher: Tensor) -> Tensor:
    """``q log(q / p)`` of one of the two outcomes."""
    return F.kl_div(
        F.logsigmoid(student), F.logsigmoid(teacher), reduction='none', log_target=True
    )
