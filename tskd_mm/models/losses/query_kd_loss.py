"""Distillation of a detection transformer on the teacher's queries."""

from mmengine.dist import all_reduce
from mmengine.registry import MODELS
from torch import Tensor, nn
from torchvision.ops import box_convert

from ..heads.query_heads import QueryHeads, QueryOutputs
from .divergence import sigmoid_divergence


@MODELS.register_module()
class QueryKDLoss(nn.Module):
    """What both decoders answer to the teacher's queries, layer by layer.

    The sum over the student's decoder layers of ``sum_q w_q l_q / sum_q w_q`` with
    ``l_q = c sum_k KL(p_qk || s_qk) + b |x_q - y_q| + g (1 - GIoU(x_q, y_q))``:
    s and p are the sigmoid scores of student and teacher, each class a binary
    problem; x and y the boxes (cx, cy, w, h) as shares of the image. A query weighs
    what the teacher's best class scores, ``w_q = max_k p_qk``, so that the few
    objects are not lost among the queries of the background.

    Source of the idea: KD-DETR (arXiv 2211.08071), as its abstract tells it, with its
    "specific" distillation points alone: the teacher's own queries, one to one, no
    matching. The weights of queries and the pairs of layers are this project's own:
    layer i of the student's S goes with layer ``ceil(i T / S)`` of the teacher's T,
    the last with the last.

    Args:
        cls_weight: c; 1 as of DINO's class loss.
        box_weight: b; 5 as of the box loss of these detectors.
        giou_weight: g; 2 as of their GIoU loss.
    """

    compares = QueryHeads
    parts = ('cls', 'box')

    def __init__(
        self,
        cls_weight: float = 1.0,
        box_weight: float = 5.0,
        giou_weight: float = 2.0,
    ) -> None:
        super().__init__()
        self.cls_weight = cls_weight
        self.box_weight = box_weight
        self.giou_weight = giou_weight
        # Shares of an image are small: the host's epsilon is a box of 0.3 pixels.
        giou = {'type': 'mmdet.GIoULoss', 'eps': 1e-12, 'reduction': 'none'}
        self.no_overlap = MODELS.build(giou)

    def forward(
        self, student: QueryOutputs, teacher: QueryOutputs
    ) -> dict[str, Tensor]:
        """Losses between the answers to the same queries.

        Args:
            student: Of S layers.
            teacher: Of T layers.

        Returns:
            Scalars ``cls`` and ``box``.
        """
        layers = layer_pairs(len(student.logits), len(teacher.logits))
        logits, targets = teacher.logits[layers], teacher.boxes[layers]
        weights = _shares(logits.sigmoid().amax(-1))
        classes = sigmoid_divergence(student.logits, logits).sum(-1)
        distance = (student.boxes - targets).abs().sum(-1)
        no_overlap = self.no_overlap(_corners(student.boxes), _corners(targets))
        boxes = self.box_weight * distance + self.giou_weight * no_overlap
        return {
            'cls': self.cls_weight * (weights * classes).sum(),
            'box': (weights * boxes).sum(),
        }


def layer_pairs(student: int, teacher: int) -> list[int]:
    """Index of the teacher's layer for each of the student's."""
    return [-(-(layer + 1) * teacher // student) - 1 for layer in range(student)]


def _shares(weights: Tensor) -> Tensor:
    """Each weight's part of its layer's sum, (S, N, Q); the sum is that of a process.

    It is the mean of the processes, so that the mean of their losses does not depend
    on how the images are split over them.
    """
    total = weights.sum((1, 2), keepdim=True)
    all_reduce(total, 'mean')
    return weights / total


def _corners(boxes: Tensor) -> Tensor:
    return box_convert(boxes, 'cxcywh', 'xyxy')
