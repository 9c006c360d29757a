"""What the taps of a model show of one blank image, before any training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn

from .feature_tap import Features, FeatureTap
from .level_match import select_levels

# Pixels: a multiple of every stride of the common necks; more where that is too small;
# the one size of classifiers that take no other.
DRY_RUN_SIZES = (128, 512, 224)


@dataclass(frozen=True)
class Inspection:
    """What the taps of a model showed in a dry run on one blank image.

    Numbers and names alone, no tensor: EMA copies the model that keeps it.

    Attributes:
        image_size: Height and width of the image, in pixels.
        image_channels: Of the image.
        shapes: Channels, height and width of each level.
        num_classes: Of the scores, where they were asked for.
        parameter_names: Trainable parameters that levels and scores depend on, where
            they were asked for.
    """

    image_size: tuple[int, int]
    image_channels: int
    shapes: list[torch.Size]
    num_classes: int | None = None
    parameter_names: list[str] = field(default_factory=list)

    def of_levels(self, levels: Sequence[int]) -> 'Inspection':
        """The same without the other levels."""
        return replace(self, shapes=[self.shapes[level] for level in levels])

    @property
    def channels(self) -> list[int]:
        """Of each level."""
        return [shape[0] for shape in self.shapes]

    @property
    def strides(self) -> list[int]:
        """Pixels of the image for one of each level."""
        return [round(self.image_size[1] / shape[2]) for shape in self.shapes]


def dry_run(
    tap: FeatureTap,
    strides: Sequence[int] | None = None,
    parameters: bool = False,
    image_size: tuple[int, int] | None = None,
) -> Inspection:
    """Look at a blank image in eval mode; leaves the model as it was.

    Args:
        tap: Of the model.
        strides: The levels that the tap keeps from now on. Default: as before.
        parameters: Find the parameters that levels and scores depend on, too.
        image_size: Height and width of the image. Default: the first of
            :data:`DRY_RUN_SIZES` that passes.

    Raises:
        ValueError: If a stride is not there, or no blank image passes the model.
    """
    with modes_restored(tap.model), torch.set_grad_enabled(parameters):
        tap.model.eval()
        shape, features = _look_at_blank(tap, image_size)
        if strides is not None:
            found = [round(shape[2] / level.shape[3]) for level in features.levels]
            chosen = select_levels(found, strides)
            features.levels = [features.levels[level] for level in chosen]
            tap.levels = chosen
        logits = features.logits
        outputs = features.levels if logits is None else [*features.levels, logits]
        return Inspection(
            image_size=(shape[1], shape[2]),
            image_channels=shape[0],
            shapes=[level.shape[1:] for level in features.levels],
            num_classes=None if logits is None else logits.shape[1],
            parameter_names=_names_behind(outputs, tap.model) if parameters else [],
        )


def _look_at_blank(
    tap: FeatureTap, image_size: tuple[int, int] | None
) -> tuple[tuple[int, int, int], Features]:
    """Channels, height and width of the first image that passes; what it shows."""
    like = next(tap.model.parameters())
    sizes = [image_size] if image_size else [(s, s) for s in DRY_RUN_SIZES]
    channels = image_channels(tap.model)
    failures: list[Exception] = []
    for size, count in product(sizes, channels):
        image = like.new_zeros(1, count, *size)
        try:
            features = tap.run_to_the_end(partial(tap.model, image, mode='tensor'))
        except (RuntimeError, AssertionError) as error:  # nothing is left to see
            failures.append(error)
        else:
            _check_one_map(tap, features)
            return (count, *size), features
    failure = failures[-len(channels)]  # of the likeliest number
    raise ValueError(
        f'{type(tap.model).__name__} must take a blank image of one of '
        f'{image_size or DRY_RUN_SIZES} pixels on the CPU, to show its levels, but '
        f'with the last it failed: {failure}'
    ) from failure


def _check_one_map(tap: FeatureTap, features: Features) -> None:
    counts = {len(level) for level in features.levels} - {1}
    if counts:
        raise ValueError(
            f'{tap.settings[0]} {tap.paths} must return one map an image, but for one '
            f'image a module returned {counts.pop()} (of heads or windows?): tap a '
            'module around it'
        )


def image_channels(model: nn.Module) -> list[int]:
    """How many channels an image may have, the likeliest first."""
    means = getattr(getattr(model, 'data_preprocessor', None), 'mean', None)
    normalized = [means.numel()] if means is not None and means.numel() > 1 else []
    convolutions = (m for m in model.modules() if isinstance(m, nn.Conv2d))
    first = [conv.in_channels for conv in convolutions][:1]
    return [*dict.fromkeys([*normalized, *first, 3])]


def _names_behind(outputs: Sequence[Tensor], model: nn.Module) -> list[str]:
    """Trainable parameters of the model that its features depend on."""
    total = torch.stack([output.sum() for output in outputs]).sum()
    if not total.requires_grad:
        return []
    total.backward()  # torch.autograd.grad refuses models with gradient checkpointing
    names = [name for name, p in model.named_parameters() if p.grad is not None]
    model.zero_grad(set_to_none=True)
    return names


@contextmanager
def modes_restored(model: nn.Module) -> Iterator[None]:
    """Afterwards every module is in the mode, training or eval, that it was in."""
    modes = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
