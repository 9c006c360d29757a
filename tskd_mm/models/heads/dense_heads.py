"""Reads the dense heads of two single-stage detectors, to be compared cell by cell."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..features.full_precision import full_precision
from ..features.padding import valid_levels
from ..teacher.teacher_classes import TeacherClasses
from . import readers  # noqa: F401  registers them
from .assigned_labels import assigned_labels
from .cross_head import branch_features, check_branches, check_width, cross
from .dense_outputs import DenseOutputs
from .dense_reader import DenseReader, find_reader
from .head_kind import HeadKind, check_equal

SAME_GRID = 'head losses compare both heads on the same grid'


class DenseHeads(HeadKind):
    """``bbox_head`` of single-stage detectors: predictions at every pixel of levels.

    A loss can ask for lists with an entry for each level:

    - ``student``, ``teacher``: :class:`.DenseOutputs` of both;
    - ``crossed``: those of the teacher's last layers on the student's features;
    - ``student_bins``, ``teacher_bins``: ``bins`` of both, where heads have them;
    - ``student_neck``, ``teacher_neck``: inputs of the heads, (N, C, H, W);
    - ``priors``: anchors or points in pixels, (A, 4 or 2, H, W);
    - ``assigned``: classes that the student's own loss assigned, (N, A, H, W), the
      number of classes for background;
    - ``valid``: 1 inside the images and 0 in the padding, (N, 1, H, W), or None;

    and for ``data_samples``, one per image.
    """

    offers = (
        'student',
        'teacher',
        'crossed',
        'student_bins',
        'teacher_bins',
        'student_neck',
        'teacher_neck',
        'priors',
        'assigned',
        'valid',
        'data_samples',
    )

    def check(self, student: nn.Module) -> None:
        self._check(find_reader(student, 'student'), 'student')

    def match(
        self, student: nn.Module, teacher: nn.Module, classes: TeacherClasses
    ) -> None:
        ours, theirs = find_reader(student, 'student'), find_reader(teacher, 'teacher')
        self._check(theirs, 'teacher')
        advice = 'use a teacher with a head of the same kind, or feature_losses alone'
        check_equal(ours.signature(), theirs.signature(), SAME_GRID, advice)
        self.classes = classes.indices(ours.num_classes, theirs.num_classes)
        if 'crossed' in self.asked:
            check_width(ours, theirs, self.asked['crossed'])

    def _check(self, reader: DenseReader, role: str) -> None:
        if 'crossed' in self.asked:
            check_branches(reader, self.asked['crossed'], role)
        if 'student_bins' in self.asked and reader.reg_max is None:
            raise ValueError(
                f'{self.asked["student_bins"]} compares distributions of distances '
                f'over bins, but {type(reader.head).__name__} of the {role} has none: '
                'use it with a GFLHead, or BCKDLoss with any head'
            )

    @contextmanager
    def record(self, student: nn.Module) -> Iterator[dict[str, Any]]:
        """While open, note what the head is given and returns, and what losses ask."""
        reader = find_reader(student, 'student')
        seen: dict[str, Any] = {}

        def keep(module: nn.Module, args: Any, outputs: Any) -> None:
            seen.update(neck=args[0], outputs=outputs)

        with ExitStack() as stack:
            stack.callback(reader.head.register_forward_hook(keep).remove)
            if 'crossed' in self.asked:
                seen['branches'] = stack.enter_context(branch_features(reader))
            if 'assigned' in self.asked:
                seen['labels'] = stack.enter_context(assigned_labels(reader.head))
            yield seen

    def read(
        self,
        seen: dict[str, Any],
        student: nn.Module,
        teacher: nn.Module,
        neck: Sequence[Tensor],
        data_samples: Sequence[Any],
    ) -> dict[str, Any]:
        reader = find_reader(teacher, 'teacher')
        ours = find_reader(student, 'student').read(seen['outputs'])
        with torch.no_grad():
            theirs = self._chosen(reader.read(reader.head(neck)))
        advice = 'use a teacher whose strides round alike, and one size of images'
        check_equal(_sizes(ours), _sizes(theirs), SAME_GRID, advice)
        sizes = [level.logits.shape[-2:] for level in ours]
        known: dict[str, Any] = {
            'student': ours,
            'teacher': theirs,
            'student_bins': [level.bins for level in ours],
            'teacher_bins': [level.bins for level in theirs],
            'student_neck': [*map(full_precision, seen['neck'])],
            'teacher_neck': [*map(full_precision, neck)],
            'valid': valid_levels(data_samples, [level.boxes for level in ours]),
            'data_samples': data_samples,
        }
        if 'priors' in self.asked:
            known['priors'] = reader.priors(sizes, ours[0].boxes)
        if 'crossed' in self.asked:
            known['crossed'] = self._chosen(cross(reader, seen['branches'], neck))
        if 'assigned' in self.asked:
            known['assigned'] = [
                labels.view(len(data_samples), *size, -1).movedim(-1, 1)
                for labels, size in zip(seen['labels'], sizes)
            ]
        return known

    def _chosen(self, levels: list[DenseOutputs]) -> list[DenseOutputs]:
        return [level.of_classes(self.classes) for level in levels]


def _sizes(levels: Sequence[DenseOutputs]) -> dict[str, list[tuple[int, ...]]]:
    return {'the size of levels': [tuple(x.logits.shape[-2:]) for x in levels]}
