"""Where a model has levels to distil, and what they are like."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import dropwhile

import torch
from mmengine.registry import MODELS
from torch import nn

from ..models.features.dry_run import Inspection, dry_run, modes_restored
from ..models.features.feature_tap import FeatureTap, NotCalled
from ..models.features.tapped_output import MixedOutput
from ..models.loading.model_config import ModelSource

# Where a detector may have levels, the best first.
PLACES = ('neck', 'panoptic_head.pixel_decoder', 'backbone')
NUM_STAGES = 4  # enough of a classifier: the last ones


@dataclass
class Levels:
    """Where a model has levels.

    Attributes:
        taps: One module for all levels, or one for each.
        strides: Of each level, in pixels.
        channels: Of each level.
    """

    taps: list[str]
    strides: list[int]
    channels: list[int]

    def taps_of(self, strides: Sequence[int]) -> list[str]:
        """The taps that levels of these strides need."""
        if len(self.taps) == 1:
            return self.taps
        return [tap for tap, s in zip(self.taps, self.strides) if s in strides]


def find_levels(source: ModelSource) -> Levels:
    """Levels that a student or a teacher has, of those that blank images show.

    A detector's are those of its neck; where there is none, of the pixel decoder or
    of the backbone. A classifier's are the ends of its backbone's stages: the last
    module of each stride.

    Raises:
        ValueError: If there are none.
    """
    model = MODELS.build(deepcopy(source.config))  # some models write in theirs
    classifies = source.config.get('_scope_') == 'mmpretrain'
    levels = _stages(model) if classifies else _place(model)
    if not levels.taps:
        places = 'the modules of its backbone' if classifies else ', '.join(PLACES)
        raise ValueError(
            f'{source.name} has no feature maps at {places}: name modules with '
            'student_taps and teacher_taps'
        )
    return levels


def _place(model: nn.Module) -> Levels:
    """The first place that a detector has."""
    for place in PLACES:
        # Not there, or nothing that a blank image alone shows.
        with suppress(ValueError, TypeError):
            found = dry_run(FeatureTap(model, [place]))
            return Levels([place], found.strides, found.channels)
    return Levels([], [], [])


def _stages(model: nn.Module) -> Levels:
    """The last module of each stride in a classifier's backbone."""

    def is_image(found: tuple[str, Inspection]) -> bool:  # padded, say
        return not [*model.get_submodule(found[0]).parameters()]

    backbone = _backbone(model)
    maps = dropwhile(is_image, _maps(model, backbone))
    last = {found.strides[0]: (path, found) for path, found in maps}
    # What stages hand on with its height and width is a map at the end alone.
    with suppress(MixedOutput):
        for path, found in _map(model, backbone) if backbone else ():
            if len(found.strides) > 1:
                return Levels([path], found.strides, found.channels)
            last.setdefault(found.strides[0], (path, found))
    strides = sorted(last)
    taps = [last[stride][0] for stride in strides]
    return Levels(taps, strides, [last[s][1].channels[0] for s in strides])


def _backbone(model: nn.Module) -> str:
    """Path of a classifier's backbone, or of all that its children compute."""
    from mmpretrain.models.backbones.base_backbone import BaseBackbone

    modules = model.named_modules()
    return next((path for path, m in modules if isinstance(m, BaseBackbone)), '')


def _maps(model: nn.Module, path: str) -> Iterator[tuple[str, Inspection]]:
    """The outermost modules below that return a feature map, and what it is like."""
    for name, _ in model.get_submodule(path).named_children():
        below = f'{path}.{name}'.lstrip('.')
        try:
            yield from _map(model, below)
        # A list of modules, say, or a block that hands on a map and tokens.
        except (NotCalled, MixedOutput):
            yield from _maps(model, below)


def _map(model: nn.Module, path: str) -> Iterator[tuple[str, Inspection]]:
    """The module, if it returns feature maps, and what they are like."""
    try:
        found = dry_run(FeatureTap(model, [path]))
    except (NotCalled, MixedOutput):
        raise
    except (ValueError, TypeError):  # called twice, or no map
        return
    pooled = found.shapes[0][1:].numel() == 1
    if not pooled and _sees_image(model, path, found):
        yield path, found


@torch.no_grad()
def _sees_image(model: nn.Module, path: str, found: Inspection) -> bool:
    """Whether the map changes with the image: a positional encoding does not."""
    tap = FeatureTap(model, [path])
    shape = (1, found.image_channels, *found.image_size)
    with modes_restored(model):
        model.eval()
        black, white = (
            tap.run(partial(model, make(shape), mode='tensor')).levels[0]
            for make in (torch.zeros, torch.ones)
        )
    return not torch.equal(black, white)
