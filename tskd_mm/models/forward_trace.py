"""Finds out which modules see nothing but the images."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary


class ForwardTrace:
    """Follows the images of one forward pass from module to module.

    A module is *pure* in this pass if it may be, was called once, drew no random
    numbers, and all tensors that it was given are the images or what pure modules
    returned, the very objects, unchanged since.

    Args:
        inputs: The images, (N, 3, H, W).
        candidates: Paths of the modules that may be pure.
        needed: Paths of those whose outputs are to be kept.

    Attributes:
        outputs: What pure modules returned, by path, in the order in which they
            returned; of those that are not needed only the shapes (on ``meta``).
        users: Which modules were given the output of a pure one, by its path.
    """

    def __init__(
        self, inputs: Tensor, candidates: Collection[str], needed: Collection[str] = ()
    ) -> None:
        self.candidates = candidates
        self.needed = needed
        self.outputs: dict[str, Any] = {}
        self.users: dict[str, set[str]] = defaultdict(set)
        # Weak: what the pass itself lets go shall not stay in memory.
        self._origins = WeakIdKeyDictionary({inputs: ('', inputs._version)})
        self._device = inputs.device
        self._kept: list[tuple[Tensor, int]] = []
        self._entered: dict[str, Tensor | None] = {}
        self._returned: set[str] = set()

    @contextmanager
    def watch(self, model: nn.Module, paths: Collection[str]) -> Iterator[None]:
        """While open, follow a forward pass through these modules of the model."""
        with ExitStack() as hooks:
            for path in paths:
                module = model.get_submodule(path)
                enter, leave = partial(self._enter, path), partial(self._leave, path)
                hooks.enter_context(
                    module.register_forward_pre_hook(enter, with_kwargs=True)
                )
                hooks.enter_context(module.register_forward_hook(leave))
            yield

    def unchanged(self) -> bool:
        """Whether nothing was written into the needed outputs later on."""
        return all(version == tensor._version for tensor, version in self._kept)

    def _enter(self, path: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        origins = [self._origin(tensor) for tensor in tensors_in((args, kwargs))]
        for origin in origins:
            if origin:
                self.users[origin].add(path)
        pure = path in self.candidates and origins and None not in origins
        self._entered[path] = self._random_state() if pure else None

    def _leave(self, path: str, module: nn.Module, args: Any, output: Any) -> None:
        random_state = self._entered.pop(path, None)
        again = path in self._returned
        self._returned.add(path)
        if again or random_state is None:
            self.outputs.pop(path, None)
        elif torch.equal(random_state, self._random_state()) and _is_plain(output):
            versions = [(tensor, tensor._version) for tensor in tensors_in(output)]
            self._origins.update({tensor: (path, v) for tensor, v in versions})
            if path in self.needed:
                self.outputs[path] = output
                self._kept += versions
            else:
                self.outputs[path] = map_tensors(_shape_of, output)

    def _random_state(self) -> Tensor:
        state = torch.get_rng_state()
        if self._device.type != 'cuda':
            return state
        return torch.cat([state, torch.cuda.get_rng_state(self._device)])

    def _origin(self, tensor: Tensor) -> str | None:
        """Path of the pure module that it came from; ``''``: it is the images."""
        path, version = self._origins.get(tensor, (None, 0))
        return path if version == tensor._version else None


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif type(value) in (tuple, list, dict):
        for part in value.values() if type(value) is dict else value:
            yield from tensors_in(part)


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """The same nested tuples, lists and dicts with other tensors."""
    if isinstance(value, Tensor):
        return change(value)
    kind = type(value)
    if kind is dict:
        return {key: map_tensors(change, part) for key, part in value.items()}
    if kind in (tuple, list):
        return kind(map_tensors(change, part) for part in value)
    return value


def _is_plain(value: Any) -> bool:
    """Whether it is tensors and nothing else, so that none of them is overlooked."""
    if type(value) in (tuple, list, dict):
        parts = value.values() if type(value) is dict else value
        return all(map(_is_plain, parts))
    return isinstance(value, Tensor)


def _shape_of(tensor: Tensor) -> Tensor:
    return tensor.detach().to('meta')
