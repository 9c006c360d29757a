"""What the second stages of two detectors predict for the student's proposals."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..features.full_precision import full_precision
from ..teacher.teacher_classes import TeacherClasses
from .head_kind import HeadKind, check_equal
from .roi_stages import RoIStage, roi_stages


@dataclass
class RoIOutputs:
    """What one stage predicts for R proposals, P of them positive.

    Attributes:
        logits: (R, K + 1), the background last.
        deltas: Of the positive ones, each for its own class, in the units of the box
            coder, (P, 4).
    """

    logits: Tensor
    deltas: Tensor


class RoIHeads(HeadKind):
    """Faster, Mask and Cascade R-CNN; every stage on the student's own proposals.

    A loss can ask for ``student`` and ``teacher``, each a list of :class:`RoIOutputs`,
    one a stage. Which proposals are positive, and of which class, is what the
    student's assigner found.
    """

    offers = ('student', 'teacher')

    def check(self, student: nn.Module) -> None:
        roi_stages(student, 'student')

    def match(
        self, student: nn.Module, teacher: nn.Module, classes: TeacherClasses
    ) -> None:
        ours, theirs = roi_stages(student, 'student'), roi_stages(teacher, 'teacher')
        why = 'each stage is compared with one of the teacher'
        advice = 'use a teacher with as many stages, and the same bbox_coder in each'
        check_equal(_signature(ours), _signature(theirs), why, advice)
        self.classes = classes.indices(ours[0].num_classes, theirs[0].num_classes)

    @contextmanager
    def record(self, student: nn.Module) -> Iterator[list[dict[str, Tensor]]]:
        """While open, note what each stage is given, returns and is assigned."""
        seen: list[dict[str, Tensor]] = []
        with ExitStack() as hooks:
            for stage in roi_stages(student, 'student'):
                notes: dict[str, Tensor] = {}
                seen.append(notes)
                for handle in _hooks(stage, notes):
                    hooks.callback(handle.remove)
            yield seen

    def read(
        self,
        seen: list[dict[str, Tensor]],
        student: nn.Module,
        teacher: nn.Module,
        neck: Sequence[Tensor],
        data_samples: Sequence[Any],
    ) -> dict[str, list[RoIOutputs]]:
        # The host ends its cascade where no proposal is left.
        stages = [notes for notes in seen if 'rois' in notes]
        outputs = [
            self._compare(notes, stage, neck)
            for notes, stage in zip(stages, roi_stages(teacher, 'teacher'))
        ]
        return {
            'student': [ours for ours, _ in outputs],
            'teacher': [theirs for _, theirs in outputs],
        }

    def _compare(
        self, notes: dict[str, Tensor], stage: RoIStage, neck: Sequence[Tensor]
    ) -> tuple[RoIOutputs, RoIOutputs]:
        with torch.no_grad():
            asked = stage.forward(neck, notes['rois'])
        logits = _of_classes(full_precision(asked['cls_score']), self.classes)
        positive, kinds = _positives(notes)
        ours = _of_kinds(notes['deltas'][positive], kinds)
        if self.classes is not None:
            kinds = kinds.new_tensor(self.classes)[kinds]
        theirs = _of_kinds(asked['bbox_pred'][positive], kinds)
        return (
            RoIOutputs(full_precision(notes['logits']), full_precision(ours)),
            RoIOutputs(logits, full_precision(theirs)),
        )


def _signature(stages: Sequence[RoIStage]) -> dict[str, Any]:
    """What must be equal for the deltas of two heads to be comparable."""
    codings = {f'the coder of stage {i}': s.coding for i, s in enumerate(stages)}
    return {'the number of stages': len(stages), **codings}


def _hooks(stage: RoIStage, notes: dict[str, Tensor]) -> list[Any]:
    def rois(module: nn.Module, args: Any) -> None:
        # A cascade's mask head may use the same extractor, after the box head.
        notes.setdefault('rois', args[1])

    def outputs(module: nn.Module, args: Any, output: Any) -> None:
        notes['logits'], notes['deltas'] = output

    def labels(module: nn.Module, args: Any) -> None:
        notes['labels'] = args[1]

    return [
        stage.extractor.register_forward_pre_hook(rois),
        stage.head.register_forward_hook(outputs),
        stage.head.loss_cls.register_forward_pre_hook(labels),
    ]


def _positives(notes: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Which proposals are positive, (R,), and the class of each of these, (P,)."""
    logits = notes['logits']
    # Where there is no proposal the host does not call its loss.
    labels = notes.get('labels', logits.new_zeros(len(logits), dtype=torch.long))
    positive = (labels >= 0) & (labels < logits.shape[1] - 1)
    return positive, labels[positive]


def _of_classes(logits: Tensor, classes: list[int] | None) -> Tensor:
    """Logits of the chosen classes, (R, K + 1); all others are background."""
    if classes is None:
        return logits
    others = [k for k in range(logits.shape[1]) if k not in classes]
    background = logits[:, others].logsumexp(1, keepdim=True)
    return torch.cat([logits[:, classes], background], dim=1)


def _of_kinds(deltas: Tensor, kinds: Tensor) -> Tensor:
    """Each box's own deltas, (P, 4), from those of all classes, (P, 4 K) or (P, 4)."""
    by_class = deltas.view(len(deltas), deltas.shape[1] // 4, 4)
    if by_class.shape[1] == 1:
        return deltas
    return by_class[torch.arange(len(kinds), device=kinds.device), kinds]
