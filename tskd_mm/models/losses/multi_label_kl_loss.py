"""Knowledge distillation of labels that do not exclude each other."""

from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.full_precision import full_precision
from .divergence import sigmoid_divergence
from .logits import check_same_classes


@MODELS.register_module()
class MultiLabelKLLoss(nn.Module):
    """``w T^2 sum_k KL(Bernoulli(sig(t_k / T)) || Bernoulli(sig(s_k / T)))``.

    Mean of the batch; t and s are the teacher's and the student's scores, sig the
    sigmoid. The sigmoid form of :class:`.LogitKLLoss`: every label is a question of its
    own, as for :class:`mmpretrain.models.heads.MultiLabelClsHead`. Source: the
    multi-label logits distillation of Yang et al., arXiv 2308.06453, with the
    temperature of Hinton et al., arXiv 1503.02531. Computed in float32 or float64.

    Args:
        temperature: T; 1 compares the probabilities that both models predict.
        loss_weight: w.
    """

    activation = 'sigmoid'

    def __init__(self, temperature: float = 1.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature
        self.loss_weight = loss_weight

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Loss between scores.

        Args:
            student: (N, K).
            teacher: (N, K).

        Returns:
            Scalar.

        Raises:
            ValueError: If the shapes differ.
        """
        check_same_classes(student, teacher)
        student = full_precision(student) / self.temperature
        teacher = full_precision(teacher) / self.temperature
        divergence = sigmoid_divergence(student, teacher)
        return self.loss_weight * self.temperature**2 * divergence.sum(1).mean()
