"""Reads the outputs of a dense head: one subclass a family, found by class."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..features.full_precision import full_precision
from .dense_outputs import DenseOutputs
from .host_class import host_class

READERS: dict[str, type['DenseReader']] = {}
OWN_FORWARD = ('forward', 'forward_single')


class DenseReader(ABC):
    """Turns what a head's ``forward`` returns into :class:`DenseOutputs`.

    Args:
        head: The head, with an mmdet ``prior_generator``.

    Attributes:
        layout: How the head encodes a box. Two heads must encode it alike.
        branches: Attributes of the head that hold the stacked convolutions of its
            branches, for CrossKD. Empty where a branch cannot be run from a feature.
        per_level: Whether each level has convolutions of its own.
    """

    layout: ClassVar[str]
    branches: ClassVar[tuple[str, ...]] = ('cls_convs', 'reg_convs')
    per_level: ClassVar[bool] = False

    def __init__(self, head: nn.Module) -> None:
        self.head: Any = head

    @abstractmethod
    def level(
        self, outputs: Sequence[Tensor], priors: Tensor, stride: int
    ) -> DenseOutputs:
        """Read one level.

        Args:
            outputs: What the head returned for this level, each (N, C, H, W), in
                float32 or more.
            priors: Anchors or points in pixels, (A, 4 or 2, H, W).
            stride: Of the level, in pixels.
        """

    def read(self, outputs: Sequence[Sequence[Tensor]]) -> list[DenseOutputs]:
        """Read what the head returned: for each output one tensor a level."""
        levels = [[full_precision(x) for x in level] for level in zip(*outputs)]
        sizes = [level[0].shape[-2:] for level in levels]
        priors = self.priors(sizes, levels[0][0])
        return [self.level(*parts) for parts in zip(levels, priors, self.strides)]

    def priors(self, sizes: Sequence[torch.Size], like: Tensor) -> list[Tensor]:
        """Anchors or points of levels of these sizes, each (A, 4 or 2, H, W)."""
        grids = self.head.prior_generator.grid_priors(
            sizes, dtype=like.dtype, device=like.device
        )
        return [
            grid.view(height, width, -1, grid.shape[-1]).permute(2, 3, 0, 1)
            for grid, (height, width) in zip(grids, sizes)
        ]

    @property
    def strides(self) -> list[int]:
        """Of the levels, in pixels."""
        return [int(stride[0]) for stride in self.head.prior_generator.strides]

    @property
    def num_classes(self) -> int:
        """Of the scores."""
        return self.head.num_classes

    @property
    def reg_max(self) -> int | None:
        """The last bin of a distance; None for heads without distributions."""
        return None

    def signature(self) -> dict[str, Any]:
        """What must be equal in two heads that are compared, besides their classes."""
        grid = torch.zeros(1)
        first = self.priors([torch.Size((1, 1))] * len(self.strides), grid)
        return {
            'layout': self.layout,
            'strides': self.strides,
            'priors at a pixel': [len(priors) for priors in first],
            'priors at the first pixel': [p.flatten().tolist() for p in first],
            'reg_max': self.reg_max,
        }

    def stacks(self, branch: str) -> list[Any]:
        """The stacked convolutions of a branch: of each level, or of all."""
        found = getattr(self.head, branch)
        return [*found] if self.per_level else [found]


def reads(*heads: str) -> Callable[[type[DenseReader]], type[DenseReader]]:
    """Register a reader for heads, each by package and class: ``'mmdet.GFLHead'``.

    It also reads subclasses that do not override ``forward`` or ``forward_single``.
    """

    def register(reader: type[DenseReader]) -> type[DenseReader]:
        READERS.update(dict.fromkeys(heads, reader))
        return reader

    return register


def find_reader(model: nn.Module, role: str) -> DenseReader:
    """The reader of a model's ``bbox_head``: that of its nearest ancestor.

    Args:
        model: A detector.
        role: ``'student'`` or ``'teacher'``, for messages.

    Raises:
        ValueError: If there is no such head or no reader, or its scores are no
            sigmoids.
    """
    head = getattr(model, 'bbox_head', None)
    if not isinstance(head, nn.Module):
        raise ValueError(
            f'head losses on dense heads read bbox_head, but the {role} '
            f'{type(model).__name__} has none: use a single-stage detector'
        )
    advice = 'write a DenseReader for it and register it with @reads'
    name = host_class(head, READERS, OWN_FORWARD, 'dense heads', role, advice)
    if not getattr(head, 'use_sigmoid_cls', True):
        raise ValueError(
            f'{type(head).__name__} of the {role} has softmax scores, but head losses '
            'compare sigmoid scores: set use_sigmoid=True in its loss_cls'
        )
    return READERS[name](head)


def split(x: Tensor, priors: Tensor) -> Tensor:
    """(N, A * C, H, W) as (N, A, C, H, W), A that of the priors (A, ..., H, W)."""
    return x.unflatten(1, (len(priors), -1))
