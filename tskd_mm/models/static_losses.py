"""The losses that hold the student against the teacher at every step."""

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from .feature_tap import Features
from .loss_weight import check_weight


class StaticLosses(nn.Module):
    """Named losses on feature levels and on logits.

    Args:
        features: Configs of losses on a pair of feature maps, by name; each is summed
            over the levels.
        logits: Configs of losses on a pair of logits, by name.

    Raises:
        ValueError: If a weight is negative, NaN or infinite.
    """

    def __init__(
        self, features: dict[str, dict] | None, logits: dict[str, dict] | None
    ) -> None:
        super().__init__()
        self.features = _build(features)
        self.logits = _build(logits)
        for name, loss in [*self.features.items(), *self.logits.items()]:
            check_weight(name, loss)

    def forward(
        self, student: Features, teacher: Features, valid: list[Tensor | None]
    ) -> dict[str, Tensor]:
        """``loss_<name>`` for each.

        Args:
            student: Features of the student.
            teacher: Features of the teacher in the student's sizes.
            valid: Masks of the padding, one a level; both features read 0 there.
        """
        pairs = [
            (_blank(s, mask), _blank(t, mask))
            for s, t, mask in zip(student.levels, teacher.levels, valid)
        ]
        losses = {
            f'loss_{name}': torch.stack([loss(*pair) for pair in pairs]).sum()
            for name, loss in self.features.items()
        }
        for name, loss in self.logits.items():
            losses[f'loss_{name}'] = loss(student.logits, teacher.logits)
        return losses


def _build(configs: dict[str, dict] | None) -> nn.ModuleDict:
    return nn.ModuleDict({n: MODELS.build(c) for n, c in (configs or {}).items()})


def _blank(feature: Tensor, valid: Tensor | None) -> Tensor:
    return feature if valid is None else feature * valid
