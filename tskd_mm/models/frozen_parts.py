"""The parts in which the student's past cannot differ from its present."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .feature_tap import FeatureTap
from .forward_trace import ForwardTrace, map_tensors
from .module_modes import modes_restored

Outputs = dict[str, Any]  # what each part returned, by its path


class FrozenParts:
    """Spares past students what the present one has just computed for them.

    A part is an outermost module that holds nothing which a snapshot keeps, draws no
    random numbers, and sees only the images or what other parts returned: a frozen
    stem and frozen stages. They are found by a dry run, not by their names, and used
    only if a second one gives the same features to the last bit.

    Args:
        tap: The features that are wanted.
        kept: Names of the parameters and buffers that a snapshot keeps.
        image_size: Height and width of the images of the dry run, in pixels.

    Attributes:
        paths: Paths of the parts in the order of the forward pass, and whether
            anything but another part needs their output.
    """

    def __init__(self, tap: FeatureTap, kept: Collection[str], image_size: int) -> None:
        self.tap = tap
        self.model = tap.model
        candidates = _candidates(self.model, kept, tap.paths)
        seed = torch.Generator().manual_seed(0)
        images = torch.rand(1, 3, image_size, image_size, generator=seed)
        images = images.to(next(self.model.parameters()))
        with torch.no_grad(), _only_these_train(self.model, candidates):
            self.paths = self._find(images, candidates)
            if self.paths and not self._makes_no_difference(images):
                self.paths = {}

    @contextmanager
    def record(self, inputs: Tensor) -> Iterator[Outputs]:
        """While open, watch the student's own pass of a batch.

        Args:
            inputs: Preprocessed images, (N, 3, H, W).

        Yields:
            What the parts returned, filled in at the end; nothing if the pass took
            another way than the dry run.
        """
        outputs: Outputs = {}
        needed = [path for path, is_needed in self.paths.items() if is_needed]
        trace = ForwardTrace(inputs, self.paths, needed)
        with trace.watch(self.model, self.paths):
            yield outputs
        if trace.outputs.keys() == self.paths.keys() and trace.unchanged():
            outputs.update(map_tensors(torch.Tensor.detach, trace.outputs))

    @contextmanager
    def replay(self, outputs: Outputs) -> Iterator[None]:
        """While open, the parts return what was recorded instead of running."""
        with ExitStack() as afterwards:
            for path, output in outputs.items():
                module = self.model.get_submodule(path)
                before = vars(module).get('forward')  # a wrapper of the runner's
                afterwards.callback(_set_forward, module, before)
                module.forward = partial(_give, output)
            yield

    def _find(self, images: Tensor, candidates: Collection[str]) -> dict[str, bool]:
        trace = ForwardTrace(images, candidates)
        with trace.watch(self.model, [name for name, _ in self.model.named_modules()]):
            self._features(images)
        pure = trace.outputs.keys()
        parts = [path for path in pure if pure.isdisjoint(_ancestors(path))]
        if not any(self._has_parameters(path) for path in parts):
            return {}  # nothing worth the trouble

        def outside(user: str) -> bool:
            return {user, *_ancestors(user)}.isdisjoint(parts)

        return {
            path: path in self.tap.paths
            or not trace.users[path]  # then code between the modules may use it
            or any(map(outside, trace.users[path]))
            for path in parts
        }

    def _has_parameters(self, path: str) -> bool:
        return next(self.model.get_submodule(path).parameters(), None) is not None

    def _makes_no_difference(self, images: Tensor) -> bool:
        with self.record(images) as outputs:
            expected = self._features(images)
        # Code between the modules may need an output that no module does.
        with suppress(RuntimeError), self.replay(outputs):
            found = self._features(images)
            return bool(outputs) and all(map(torch.equal, found, expected))
        return False

    def _features(self, images: Tensor) -> list[Tensor]:
        with torch.random.fork_rng([images.device] if images.is_cuda else []):
            return self.tap.run(lambda: self.model(images, mode='tensor')).levels


def _candidates(
    model: nn.Module, kept: Collection[str], tapped: Collection[str]
) -> set[str]:
    """Modules that hold nothing kept and have no tapped module inside."""
    holders = {path for name in [*kept, *tapped] for path in _ancestors(name)}
    return {path for path, _ in model.named_modules()} - holders


def _ancestors(path: str) -> set[str]:
    """``'a.b.c'`` lies in ``''``, ``'a'`` and ``'a.b'``."""
    parts = path.split('.')
    return {'.'.join(parts[:depth]) for depth in range(len(parts))} - {path}


@contextmanager
def _only_these_train(model: nn.Module, paths: Collection[str]) -> Iterator[None]:
    """Parts as in training, where they might be random; the rest in eval mode.

    So no running statistics change, and no batch norm asks for a larger batch.
    """
    with modes_restored(model):
        model.train()
        for path, module in model.named_modules():
            module.training = module.training and path in paths
        yield


def _give(output: Any, *args: Any, **kwargs: Any) -> Any:
    return output


def _set_forward(module: nn.Module, forward: Any) -> None:
    del module.forward
    if forward is not None:
        module.forward = forward
