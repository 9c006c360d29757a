"""The student's head features, through the last layers of the teacher's head."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from .dense_outputs import DenseOutputs
from .dense_reader import DenseReader

Features = dict[str, list[Tensor]]  # of each branch, one a level


@contextmanager
def branch_features(reader: DenseReader) -> Iterator[Features]:
    """While open, keep what goes into the last stacked convolution of each branch.

    Convolutions that the levels share run once a level, in the order of the levels.
    """
    found: Features = {branch: [] for branch in reader.branches}

    with ExitStack() as stack:
        for branch, levels in found.items():
            for convolutions in reader.stacks(branch):
                handle = convolutions[-2].register_forward_hook(partial(_keep, levels))
                stack.callback(handle.remove)
        yield found


def _keep(levels: list[Tensor], module: nn.Module, args: Any, output: Tensor) -> None:
    levels.append(output)


def cross(
    reader: DenseReader, features: Mapping[str, list[Tensor]], neck: Sequence[Tensor]
) -> list[DenseOutputs]:
    """What the head predicts from features of another head.

    The last stacked convolution of each branch and the predictor are applied to
    them: the others are left out. Gradients reach the features.

    Args:
        reader: Of the teacher's head.
        features: From :func:`branch_features` of the student's.
        neck: The teacher's own levels, (N, C, H, W); only their number and size matter.
    """
    head = copy.copy(reader.head)  # shares the weights, not the list of modules
    head._modules = dict(head._modules)
    for branch, levels in features.items():
        feed = _Feed(levels)
        tails = [nn.Sequential(feed, stack[-1]) for stack in reader.stacks(branch)]
        head._modules[branch] = nn.ModuleList(tails) if reader.per_level else tails[0]
    return reader.read(head(neck))


def check_branches(reader: DenseReader, loss: str, role: str) -> None:
    """Check that a head has branches of which the last layers can be run alone.

    Raises:
        ValueError: If it has none, or they are too short.
    """
    name = f'{type(reader.head).__name__} of the {role}'
    if not reader.branches:
        raise ValueError(
            f'{loss} runs the last layers of a head from a feature of another head, '
            f'but {name} has no separate branches for classes and boxes'
        )
    for branch in reader.branches:
        count = min(map(len, reader.stacks(branch)))
        if count < 2:
            raise ValueError(
                f'{loss} needs at least 2 stacked convolutions in each branch, but '
                f'{branch} of {name} has {count}'
            )


def check_width(student: DenseReader, teacher: DenseReader, loss: str) -> None:
    """Check that the student's features fit the teacher's layers.

    Raises:
        ValueError: If they have different numbers of channels; names both.
    """
    ours, theirs = student.head.feat_channels, teacher.head.feat_channels
    if ours != theirs:
        raise ValueError(
            f"{loss} gives the teacher's head features of the student's, but the "
            f"student's head is {ours} channels wide and the teacher's {theirs} "
            '(feat_channels): use heads of one width, or BCKDLoss'
        )


class _Feed(nn.Module):
    """Gives the next of its tensors, whatever it is given."""

    def __init__(self, levels: list[Tensor]) -> None:
        super().__init__()
        self.levels = iter(levels)

    def forward(self, x: Tensor) -> Tensor:
        return next(self.levels)
