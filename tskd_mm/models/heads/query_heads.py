"""What two detection transformers answer to the teacher's queries."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..features.full_precision import full_precision
from ..teacher.teacher_classes import TeacherClasses
from .head_kind import HeadKind, check_equal
from .host_class import host_class

DETECTORS = ('mmdet.DeformableDETR', 'mmdet.DABDETR', 'mmdet.DINO')
METHODS = ('forward_transformer', 'pre_decoder', 'forward_decoder')
# The decoder's names of what ``forward_decoder`` is given under others.
RENAMED = {
    'key': 'memory',
    'value': 'memory',
    'key_pos': 'memory_pos',
    'key_padding_mask': 'memory_mask',
}
# DINO's denoising queries take no part, and the reg_branches are the detector's own.
LEFT_OUT = ('self_attn_mask', 'reg_branches')
QUERIES = ('query', 'query_pos', 'reference_points')


@dataclass
class QueryOutputs:
    """What each of L decoder layers answers to Q queries.

    Attributes:
        logits: Of the sigmoid scores, (L, N, Q, K).
        boxes: Centre, width and height as shares of the image, (L, N, Q, 4).
    """

    logits: Tensor
    boxes: Tensor


class QueryHeads(HeadKind):
    """Deformable-DETR, DAB-DETR and DINO; both decoders on the teacher's queries.

    A loss can ask for ``student`` and ``teacher``, each :class:`QueryOutputs`. The
    student's decoder and head run a second time, on its own memory of the image and
    the teacher's matching queries.
    """

    offers = ('student', 'teacher')

    def check(self, student: nn.Module) -> None:
        _signature(student, 'student')

    def match(
        self, student: nn.Module, teacher: nn.Module, classes: TeacherClasses
    ) -> None:
        ours, theirs = _signature(student, 'student'), _signature(teacher, 'teacher')
        why = "the student's decoder answers the teacher's queries"
        check_equal(ours, theirs, why, 'use another teacher')
        counts = [model.bbox_head.num_classes for model in (student, teacher)]
        self.classes = classes.indices(*counts)

    def record(self, student: nn.Module) -> AbstractContextManager[dict[str, Tensor]]:
        return _inputs_of(student.decoder)

    def read(
        self,
        seen: dict[str, Tensor],
        student: nn.Module,
        teacher: nn.Module,
        neck: Sequence[Tensor],
        data_samples: Sequence[Any],
    ) -> dict[str, QueryOutputs]:
        with torch.no_grad(), _inputs_of(teacher.decoder) as asked:
            states = teacher.forward_transformer(neck, data_samples)
            theirs = _answers(teacher, states)
        if self.classes is not None:
            theirs.logits = theirs.logits[..., self.classes]
        queries = {name: asked[name] for name in QUERIES if name in asked}
        ours = _answers(student, student.forward_decoder(**seen | queries))
        return {'student': ours, 'teacher': theirs}


def _signature(model: nn.Module, role: str) -> dict[str, Any]:
    """What must be equal for one decoder to take the other's queries."""
    advice = 'use such a detector, or feature_losses alone'
    family = host_class(model, DETECTORS, METHODS, 'queries', role, advice)
    if not model.bbox_head.loss_cls.use_sigmoid:
        raise ValueError(
            f'losses on queries need sigmoid scores, but the class loss of the {role}, '
            f'{type(model.bbox_head.loss_cls).__name__}, has use_sigmoid=False'
        )
    # Without proposals of boxes Deformable-DETR starts from points.
    boxes = getattr(model, 'as_two_stage', False)
    return {
        'the class of the detector': family,
        'embed_dims': model.embed_dims,
        'the length of a reference point': getattr(
            model, 'query_dim', 4 if boxes else 2
        ),
    }


@contextmanager
def _inputs_of(decoder: nn.Module) -> Iterator[dict[str, Tensor]]:
    """While open, note what a decoder is given, under ``forward_decoder``'s names."""
    seen: dict[str, Tensor] = {}

    def note(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        for name, value in kwargs.items():
            if name not in LEFT_OUT:
                seen[RENAMED.get(name, name)] = value

    handle = decoder.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


def _answers(model: nn.Module, states: dict[str, Any]) -> QueryOutputs:
    logits, boxes = model.bbox_head(**states)
    return QueryOutputs(full_precision(logits), full_precision(boxes))
