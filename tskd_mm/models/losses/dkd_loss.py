"""Decoupled knowledge distillation."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.full_precision import full_precision
from .divergence import softmax_divergence
from .logits import check_same_classes


@MODELS.register_module()
class DKDLoss(nn.Module):
    """The KL of softened logits in two parts with weights of their own.

    ``w T^2 (a KL(b_t || b_s) + b KL(q_t || q_s))``, mean of the batch: ``b`` is the
    distribution over "the image's class" and "any other", ``q`` that over the other
    classes, both of ``softmax(logits / T)``. With a = 1 and b = b_t(other) it would be
    the plain KL.

    Source: Zhao et al., arXiv 2203.08679, eq. 7. Computed in float32 or float64.

    Args:
        target_weight: a; 1 in the authors' release.
        others_weight: b; 8 is the release's default, which has 2 for ResNet56 to
            ResNet20 on CIFAR-100. They set it larger the surer the teacher is.
        temperature: T; 4 in the release.
        loss_weight: w; the release raises it from 0 to 1 in the first 20 epochs, see
            :class:`~tskd_mm.engine.hooks.loss_weight_hook.LossWeightHook`.
    """

    activation = 'softmax'

    def __init__(
        self,
        target_weight: float = 1.0,
        others_weight: float = 8.0,
        temperature: float = 4.0,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.target_weight = target_weight
        self.others_weight = others_weight
        self.temperature = temperature
        self.loss_weight = loss_weight

    def forward(
        self, student: Tensor, teacher: Tensor, data_samples: Sequence[Any]
    ) -> Tensor:
        """Loss between logits.

        Args:
            student: (N, K).
            teacher: (N, K).
            data_samples: N, each with one class in ``gt_label``.

        Returns:
            Scalar.

        Raises:
            ValueError: If the shapes differ, or an image has not just one class.
        """
        check_same_classes(student, teacher)
        classes = _classes(data_samples).to(student.device)
        target_s, others_s = _split(full_precision(student) / self.temperature, classes)
        target_t, others_t = _split(full_precision(teacher) / self.temperature, classes)
        loss = self.target_weight * _divergence(target_s, target_t)
        loss = loss + self.others_weight * _divergence(others_s, others_t)
        return self.loss_weight * self.temperature**2 * loss


def _split(logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of "the class or any other", (N, 2), and of the others, (N, K - 1)."""
    chosen = F.one_hot(classes, logits.shape[1]).bool()
    target, others = logits[chosen], logits[~chosen].view(len(logits), -1)
    return torch.stack([target, others.logsumexp(1)], dim=1), others


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of the batch."""
    return softmax_divergence(student, teacher, dim=1).sum() / len(student)


def _classes(data_samples: Sequence[Any]) -> Tensor:
    labels = [sample.gt_label for sample in data_samples]
    for index, (label, sample) in enumerate(zip(labels, data_samples)):
        if label.numel() != 1 or 'gt_score' in sample:
            raise ValueError(
                'DKDLoss needs the one class of every image, but image '
                f'{index} of the batch has {label.numel()} classes'
                f'{" and scores" if "gt_score" in sample else ""}: train without mixed '
                'images (batch_augments, to_onehot), or use LogitKLLoss'
            )
    return torch.cat(labels)
