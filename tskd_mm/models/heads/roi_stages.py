"""The stages of a two-stage detector's RoI head."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from .host_class import host_class

ROI_HEADS = ('mmdet.StandardRoIHead', 'mmdet.CascadeRoIHead')
BOX_HEADS = ('mmdet.BBoxHead', 'mmdet.ConvFCBBoxHead')
ADVICE = 'use such a detector, or feature_losses alone'


@dataclass(frozen=True)
class RoIStage:
    """One stage of a RoI head.

    Attributes:
        extractor: Is given levels and proposals, (R, 5), and cuts out their features.
        head: Returns scores and deltas of these.
        forward: Both together, from levels and proposals; a dict with ``cls_score``,
            (R, K + 1), and ``bbox_pred``, (R, 4 K) or (R, 4).
    """

    extractor: nn.Module
    head: nn.Module
    forward: Callable[..., dict[str, Tensor]]

    @property
    def num_classes(self) -> int:
        """Classes without the background."""
        return self.head.num_classes

    @property
    def coding(self) -> dict[str, Any]:
        """How a box becomes deltas."""
        coder = self.head.bbox_coder
        numbers = {name: [*getattr(coder, name, [])] for name in ('means', 'stds')}
        return {'type': type(coder).__name__, **numbers}


def roi_stages(model: nn.Module, role: str) -> list[RoIStage]:
    """The stages of a detector, in order.

    Args:
        model: The detector.
        role: ``'student'`` or ``'teacher'``, for messages.

    Raises:
        ValueError: If it has no RoI head, or one that cannot be read.
    """
    roi_head = getattr(model, 'roi_head', None)
    if roi_head is None:
        raise ValueError(
            'losses on RoI heads compare detectors such as Faster, Mask and Cascade '
            f'R-CNN, but {type(model).__name__}, the {role}, has no roi_head'
        )
    own = ('_bbox_forward', 'bbox_loss')
    kind = host_class(roi_head, ROI_HEADS, own, 'RoI heads', role, ADVICE)
    if kind == 'mmdet.StandardRoIHead':
        parts = [(roi_head.bbox_roi_extractor, roi_head.bbox_head)]
        forwards = [roi_head._bbox_forward]
    else:
        parts = [*zip(roi_head.bbox_roi_extractor, roi_head.bbox_head)]
        forwards = [partial(roi_head._bbox_forward, i) for i in range(len(parts))]
    for _, head in parts:
        _check_box_head(head, role)
    return [RoIStage(*part, forward) for part, forward in zip(parts, forwards)]


def _check_box_head(head: nn.Module, role: str) -> None:
    host_class(head, BOX_HEADS, ('forward',), 'box heads', role, ADVICE)
    if not (head.with_cls and head.with_reg) or head.custom_cls_channels:
        raise ValueError(
            f'losses on RoI heads need scores of each class and the background, and '
            f'deltas, but the {type(head).__name__} of the {role} has '
            f'with_cls={head.with_cls}, with_reg={head.with_reg} and the class loss '
            f'{type(head.loss_cls).__name__}'
        )
