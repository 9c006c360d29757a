"""Reads features from inside a model while it runs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from .full_precision import full_precision
from .tapped_output import maps_of, scores_of
from .token_map import patch_convolution

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


class _EverythingSeen(Exception):
    """Stops a forward pass that has nothing more to show."""


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
        return self._fill(Features(), seen)

    def run_to_the_end(self, forward: Callable[[], Any]) -> Features:
        """Call ``forward`` and see whether a tapped module runs again.

        An error after the last tap is ignored: what lies there may need more than an
        image.
        """
        with self._watch(stop=False) as seen:
            try:
                forward()
            except RunsAgain:
                raise
            except Exception:
                if not all(wanted in seen for wanted in self._wanted):
                    raise
        return self._fill(Features(), seen)

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
            handles.append(patches.register_forward_hook(keep_grid))
        try:
            yield seen
        finally:
            for handle in handles:
                handle.remove()

    def _fill(self, features: Features, seen: dict[str, Any]) -> Features:
        for path in self._wanted:
            if path not in seen:
                raise NotCalled(
                    f'the forward pass of {type(self.model).__name__} did not call '
                    f'the tapped module {path!r}: choose a module that it calls'
                )
        grid = seen.get(GRID)
        maps = [m for path in self.paths for m in maps_of(path, seen[path], grid)]
        features.levels.extend(
            maps if self.levels is None else [maps[level] for level in self.levels]
        )
        if self.logits:
            features.logits = scores_of(
                self.logits, seen[self.logits], self.settings[1]
            )
        return features


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
