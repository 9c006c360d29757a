"""Reads features from inside a model while it runs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from .full_precision import full_precision
from .level_match import select_levels
from .token_map import patch_convolution, token_map

# Pixels: a multiple of every stride of the common necks; more where that is too small;
# the one size of classifiers that take no other.
DRY_RUN_SIZES = (128, 512, 224)
GRID = 'rows and columns of patches'  # no path of a module


@dataclass
class Features:
    """What the taps of a model saw in one forward pass.

    Attributes:
        levels: Feature maps in the order of the taps, each (N, C, H, W).
        logits: Classification scores, (N, K), where they were asked for.
        neck: All outputs of the neck, each (N, C, H, W), where a head reads them.
    """

    levels: list[Tensor] = field(default_factory=list)
    logits: Tensor | None = None
    neck: Sequence[Tensor] = ()

    def full_precision(self) -> 'Features':
        """The same in float32, or float64 as they were."""
        logits = None if self.logits is None else full_precision(self.logits)
        levels = [*map(full_precision, self.levels)]
        return replace(self, levels=levels, logits=logits)


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

    @property
    def channels(self) -> list[int]:
        """Of each level."""
        return [shape[0] for shape in self.shapes]

    @property
    def strides(self) -> list[int]:
        """Pixels of the image for one of each level."""
        return [round(self.image_size[1] / shape[2]) for shape in self.shapes]


class _EverythingSeen(Exception):
    """Stops a forward pass that has nothing more to show."""


class MixedOutput(ValueError):
    """A tapped module returns a feature map, and something else."""


class NotCalled(ValueError):
    """The forward pass does not call a tapped module."""


class RunsAgain(ValueError):
    """A tapped module runs more than once in a forward pass."""


class FeatureTap:
    """Reads the outputs of named modules while the model runs.

    Args:
        model: The model to read from.
        paths: Module paths such as ``'neck'`` or ``'backbone.layer1'``. A module
            that returns several maps (a neck) gives one level for each.
        logits: Path of the module that returns the classification scores.
        settings: What the config calls ``paths`` and ``logits``, for messages.

    Attributes:
        levels: Indices of the levels to keep, in order; None keeps all.

    Raises:
        ValueError: If the model has no such module.
    """

    def __init__(
        self,
        model: nn.Module,
        paths: Sequence[str],
        logits: str | None = None,
        settings: tuple[str, str] = ('student_taps', 'logit_tap'),
    ) -> None:
        self.model = model
        self.paths = list(paths)
        self.logits = logits
        self.settings = settings
        self.levels: list[int] | None = None
        paths = [*self.paths, *([logits] if logits else [])]
        self._wanted = [*dict.fromkeys(paths)]  # each once
        for path in self._wanted:
            _find(model, path, settings[path not in self.paths])

    def without_logits(self) -> 'FeatureTap':
        """A tap of the same levels alone."""
        tap = FeatureTap(self.model, self.paths, settings=self.settings)
        tap.levels = self.levels
        return tap

    def on(self, model: nn.Module) -> 'FeatureTap':
        """The same taps of another model, which has these modules too."""
        tap = copy(self)
        tap.model = model
        return tap

    def modules(self) -> list[nn.Module]:
        """The tapped modules."""
        return [self.model.get_submodule(path) for path in self._wanted]

    @contextmanager
    def record(self) -> Iterator[Features]:
        """While open, watch the model; the features are there when it closes."""
        features = Features()
        with self._watch(stop=False) as seen:
            yield features
        self._fill(features, seen)

    def __bool__(self) -> bool:
        """Whether anything is read."""
        return bool(self._wanted)

    def run(self, forward: Callable[[], Any]) -> Features:
        """Call ``forward`` and stop it as soon as every tap has been reached."""
        if not self:
            return Features()
        with self._watch(stop=True) as seen, suppress(_EverythingSeen):
            forward()
        features = Features()
        self._fill(features, seen)
        return features

    def inspect(
        self,
        strides: Sequence[int] | None = None,
        parameters: bool = False,
        image_size: tuple[int, int] | None = None,
    ) -> Inspection:
        """Look at a blank image in eval mode; leaves the model as it was.

        Args:
            strides: The levels to keep from now on. Default: as before.
            parameters: Find the parameters that levels and scores depend on, too.
            image_size: Height and width of the image. Default: the first of
                :data:`DRY_RUN_SIZES` that passes.

        Raises:
            ValueError: If a stride is not there, or no blank image passes the model.
        """
        with modes_restored(self.model), torch.set_grad_enabled(parameters):
            self.model.eval()
            shape, features = self._look_at_blank(image_size)
            if strides is not None:
                found = [round(shape[2] / level.shape[3]) for level in features.levels]
                chosen = select_levels(found, strides)
                features.levels = [features.levels[level] for level in chosen]
                self.levels = chosen
            logits = features.logits
            outputs = features.levels if logits is None else [*features.levels, logits]
            return Inspection(
                image_size=(shape[1], shape[2]),
                image_channels=shape[0],
                shapes=[level.shape[1:] for level in features.levels],
                num_classes=None if logits is None else logits.shape[1],
                parameter_names=(
                    _names_behind(outputs, self.model) if parameters else []
                ),
            )

    def _look_at_blank(
        self, image_size: tuple[int, int] | None
    ) -> tuple[tuple[int, int, int], Features]:
        """Channels, height and width of the first image that passes; what it shows."""
        like = next(self.model.parameters())
        sizes = [image_size] if image_size else [(s, s) for s in DRY_RUN_SIZES]
        channels = image_channels(self.model)
        failures: list[Exception] = []
        for size, count in product(sizes, channels):
            image = like.new_zeros(1, count, *size)
            try:
                features = self._run_to_the_end(image)
            except (RuntimeError, AssertionError) as error:  # nothing is left to see
                failures.append(error)
            else:
                return (count, *size), features
        failure = failures[-len(channels)]  # of the likeliest number
        raise ValueError(
            f'{type(self.model).__name__} must take a blank image of one of '
            f'{image_size or DRY_RUN_SIZES} pixels on the CPU, to show its levels, but '
            f'with the last it failed: {failure}'
        ) from failure

    def _run_to_the_end(self, image: Tensor) -> Features:
        """Goes on behind the last tap, for a module that runs again."""
        features = Features()
        with self._watch(stop=False) as seen:
            try:
                self.model(image, mode='tensor')
            except RunsAgain:
                raise
            except Exception:  # what lies behind may need more than an image
                if not all(wanted in seen for wanted in self._wanted):
                    raise
        self._fill(features, seen)
        counts = {len(level) for level in features.levels} - {1}
        if counts:
            raise ValueError(
                f'{self.settings[0]} {self.paths} must return one map an image, but '
                f'for one image a module returned {counts.pop()} (of heads or '
                'windows?): tap a module around it'
            )
        return features

    @contextmanager
    def _watch(self, stop: bool) -> Iterator[dict[str, Any]]:
        seen: dict[str, Any] = {}

        def keep(path: str, module: nn.Module, args: Any, output: Any) -> None:
            if path in seen:
                raise RunsAgain(
                    f'the tapped module {path!r} runs more than once in a forward pass '
                    '(a head shared by several levels?): tap one that runs once, such '
                    'as the neck'
                )
            if path == self.logits and len(args) > 1 and args[1] is not None:
                raise ValueError(
                    f'{type(module).__name__} at {path!r} is given the targets, so its '
                    'scores are not those of testing: set logit_losses=None'
                )
            seen[path] = output
            if stop and all(wanted in seen for wanted in self._wanted):
                raise _EverythingSeen

        def keep_grid(module: nn.Module, args: Any, output: Tensor) -> None:
            seen[GRID] = output.shape[-2:]

        # Found anew: the runner may replace modules.
        handles = [
            module.register_forward_hook(partial(keep, path))
            for path, module in zip(self._wanted, self.modules())
        ]
        patches = patch_convolution(self.model)
        if patches is not None:
            convolution = self.model.get_submodule(patches)
            handles.append(convolution.register_forward_hook(keep_grid))
        try:
            yield seen
        finally:
            for handle in handles:
                handle.remove()

    def _fill(self, features: Features, seen: dict[str, Any]) -> None:
        for path in self._wanted:
            if path not in seen:
                raise NotCalled(
                    f'the forward pass of {type(self.model).__name__} did not call '
                    f'the tapped module {path!r}: choose a module that it calls'
                )
        grid = seen.get(GRID)
        maps = [m for path in self.paths for m in _maps(path, seen[path], grid)]
        features.levels.extend(
            maps if self.levels is None else [maps[level] for level in self.levels]
        )
        if self.logits:
            features.logits = _scores(self.logits, seen, self.settings[1])


def _find(model: nn.Module, path: str, setting: str) -> None:
    with suppress(AttributeError):
        model.get_submodule(path)
        return
    # Name what exists at the depth where the path goes wrong.
    known, parts = model, path.split('.')
    while isinstance(getattr(known, parts[0], None), nn.Module):
        known = getattr(known, parts.pop(0))
    children = ', '.join(name for name, _ in known.named_children()) or 'none'
    raise ValueError(
        f'{type(model).__name__} has no module {path!r} to tap: {parts[0]!r} is not '
        f'among the children of its {type(known).__name__} ({children}); correct '
        f'{setting}'
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


def _scores(path: str, seen: dict[str, Any], setting: str) -> Tensor:
    output = seen[path]
    if not isinstance(output, Tensor) or output.dim() != 2:
        found = tuple(output.shape) if torch.is_tensor(output) else type(output)
        raise ValueError(
            f'{setting} {path!r} must return the scores of the classes (N, K), but it '
            f'returned {found}'
        )
    return output


def _maps(path: str, output: Any, grid: Sequence[int] | None) -> list[Tensor]:
    parts = [output] if isinstance(output, Tensor) else list(output)
    # A pixel decoder returns one map and a list of others.
    maps = [m for x in parts for m in (x if isinstance(x, (list, tuple)) else [x])]
    if all(isinstance(m, Tensor) and m.dim() == 3 for m in maps):
        return [token_map(path, tokens, grid) for tokens in maps]
    if not all(isinstance(m, Tensor) and m.dim() == 4 for m in maps):
        shapes = [tuple(m.shape) if torch.is_tensor(m) else type(m) for m in maps]
        some = any(isinstance(m, Tensor) and m.dim() == 4 for m in maps)
        raise (MixedOutput if some else ValueError)(
            f'the tapped module {path!r} must return feature maps (N, C, H, W), but '
            f'it returned {shapes}'
        )
    return maps


@contextmanager
def modes_restored(model: nn.Module) -> Iterator[None]:
    """Afterwards every module is in the mode, training or eval, that it was in."""
    modes = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
