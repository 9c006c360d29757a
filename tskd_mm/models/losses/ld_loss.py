"""GFL heads: distributions of distances, where objects are and next to them."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..heads.dense_heads import DenseHeads
from ..heads.dense_outputs import DenseOutputs
from .box_masks import object_boxes
from .divergence import softmax_divergence
from .valuable_region import valuable_region


@MODELS.register_module()
class LDLoss(nn.Module):
    """KL divergence of softened bins and of softened class scores, each weighted.

    - ``main``: bins of the priors that the student's own loss assigned to objects;
    - ``valuable``: bins of other priors near objects (:func:`.valuable_region`);
    - ``cls``: class scores of the assigned priors.

    A divergence is ``T^2 mean_k(q_k log(q_k / p_k))``, p and q softmax of the logits
    divided by T. Those of bins are means of the four sides, weighted by the student's
    confidence, and summed over the priors of the batch, as in MMDetection's LDHead,
    whose only region is the main one; those of classes are a mean over priors. Source:
    Zheng et al., arXiv 2102.12252, section 3.

    Args:
        main_weight: 0.25 in LDHead and in the authors' release.
        valuable_weight: 0.25 in the release.
        cls_weight: 10 in the release's recipe for R101 to R50.
        temperature: T of the bins; 10 in LDHead and in the release.
        cls_temperature: T of the class scores; 2 in that recipe.
        gamma: How far the valuable region reaches; 0.25 in the paper.
    """

    compares = DenseHeads
    parts = ('main', 'valuable', 'cls')

    def __init__(
        self,
        main_weight: float = 0.25,
        valuable_weight: float = 0.25,
        cls_weight: float = 10.0,
        temperature: float = 10.0,
        cls_temperature: float = 2.0,
        gamma: float = 0.25,
    ) -> None:
        super().__init__()
        self.main_weight = main_weight
        self.valuable_weight = valuable_weight
        self.cls_weight = cls_weight
        self.temperature = temperature
        self.cls_temperature = cls_temperature
        self.gamma = gamma

    def forward(
        self,
        student: Sequence[DenseOutputs],
        teacher: Sequence[DenseOutputs],
        student_bins: Sequence[Tensor],
        teacher_bins: Sequence[Tensor],
        assigned: Sequence[Tensor],
        priors: Sequence[Tensor],
        valid: Sequence[Tensor | None],
        data_samples: Sequence[Any],
    ) -> dict[str, Tensor]:
        """Loss between the predictions of two heads.

        Args:
            student: One a level, like the rest.
            teacher: See :class:`.DenseOutputs`.
            student_bins: (N, A, 4, R, H, W).
            teacher_bins: (N, A, 4, R, H, W).
            assigned: Classes of the priors, (N, A, H, W); K for background.
            priors: Anchors in pixels, (A, 4, H, W).
            valid: 1 inside the images and 0 in the padding, (N, 1, H, W); the padding
                does not count. None where nothing is padded.
            data_samples: N, with boxes.

        Returns:
            ``main``, ``valuable`` and ``cls``, scalars.
        """
        main = [a < s.logits.shape[2] for a, s in zip(assigned, student)]
        near = self._near(priors, valid, data_samples)
        valuable = [region & ~taken for region, taken in zip(near, main)]
        bins = [
            _divergence(ours, theirs, 3, self.temperature).mean(dim=2)
            * level.confidence.detach()
            for ours, theirs, level in zip(student_bins, teacher_bins, student)
        ]
        scores = [
            _divergence(ours.logits, theirs.logits, 2, self.cls_temperature)
            for ours, theirs in zip(student, teacher)
        ]
        positives = torch.stack([region.sum() for region in main]).sum()
        return {
            'main': self.main_weight * _sum(bins, main),
            'valuable': self.valuable_weight * _sum(bins, valuable),
            'cls': self.cls_weight * _sum(scores, main) / positives.clamp(min=1),
        }

    def _near(
        self,
        priors: Sequence[Tensor],
        valid: Sequence[Tensor | None],
        data_samples: Sequence[Any],
    ) -> list[Tensor]:
        """(N, A, H, W) a level."""
        images = []
        for index, sample in enumerate(data_samples):
            boxes = object_boxes(sample)
            masks = [None if mask is None else mask[index] for mask in valid]
            images.append(valuable_region(priors, boxes, self.gamma, masks))
        return [torch.stack(level) for level in zip(*images)]


def _divergence(
    student: Tensor, teacher: Tensor, dim: int, temperature: float
) -> Tensor:
    divergence = softmax_divergence(student, teacher, dim, temperature)
    return temperature**2 * divergence.mean(dim)


def _sum(values: Sequence[Tensor], regions: Sequence[Tensor]) -> Tensor:
    return torch.stack([(v * r).sum() for v, r in zip(values, regions)]).sum()
