"""Runs parts of a model as graphs of torch.compile, where features are read from it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

# A code object has one entry a module and shape, and stages share theirs.
CACHE_SIZE = 64
Part = tuple[str, str]  # path of a module, and the method that is compiled


class CompiledParts:
    """Compiles parts of a model by :func:`torch.compile`, a forward pass at a time.

    A part is the largest module that holds weights and no module with a hook: hooks
    stay outside of the graphs, so that taps see what they always see. After the pass
    the model is as it was: copies, past students and tests do not know of graphs.

    Args:
        options: Of :func:`torch.compile`; None compiles nothing.
        parts: Default: found in the first pass, which is not compiled.
    """

    def __init__(
        self, options: dict[str, Any] | None = None, parts: Sequence[Part] | None = None
    ) -> None:
        self.options = options
        self.parts = parts
        self._compiled: dict[Part, tuple[nn.Module, Callable]] = {}

    def __deepcopy__(self, memo: dict) -> 'CompiledParts':
        return CompiledParts(self.options, self.parts)

    def check(self, device: torch.device) -> None:
        """Compile a small function, where parts are to be compiled.

        Args:
            device: Where it runs.

        Raises:
            RuntimeError: If that does not work here, or its result is wrong.
        """
        if self.options is None:
            return
        image = torch.ones(1, 16, 16, 16, device=device)
        mask = (image.cumsum(1) > 8).contiguous(memory_format=torch.channels_last)
        try:
            found = torch.compile(_masked, **self.options)(image, mask)
        except Exception as error:  # of any backend
            inner = getattr(error, 'inner_exception', error)
            reason = str(inner).strip().partition('\n')[0]
            raise RuntimeError(
                f'the config has compile, but torch.compile does not work here '
                f'({reason}): its default backend needs a C++ compiler for a CPU and '
                'Triton for a GPU; install it, or remove compile from the config'
            ) from error
        if not found.equal(_masked(image, mask)):
            raise RuntimeError(
                'the config has compile, but torch.compile computes wrong numbers '
                f'here (PyTorch {torch.__version__}, {device.type}), among them '
                'gradients of residual blocks: remove compile from the config, or use '
                'another PyTorch'
            )

    @contextmanager
    def active(self, model: nn.Module) -> Iterator[None]:
        """While open, the parts of the model run as graphs."""
        if self.options is None:
            yield
        elif self.parts is None:
            with _find_parts(model) as self.parts:
                yield
        else:
            with ExitStack() as stack:
                for path, method in self.parts:
                    # Found anew: the runner may replace modules.
                    attributes = vars(model.get_submodule(path))
                    stack.callback(_restore, attributes, method, dict(attributes))
                    attributes[method] = self._compile(model, path, method)
                yield

    def _compile(self, model: nn.Module, path: str, method: str) -> Callable:
        module = model.get_submodule(path)
        known, compiled = self._compiled.get((path, method), (None, None))
        if compiled is None or known is not module:
            limit = torch._dynamo.config.cache_size_limit
            torch._dynamo.config.cache_size_limit = max(limit, CACHE_SIZE)
            compiled = torch.compile(getattr(module, method), **(self.options or {}))
            self._compiled[path, method] = module, compiled
        return compiled


def _masked(image: Tensor, mask: Tensor) -> Tensor:
    """The gradient of a ReLU as a shortcut meets it.

    PyTorch 2.1 compiles it wrongly for CPUs if the memory formats differ: it reads the
    bytes of the mask as floats.
    """
    return image.masked_fill(mask, 0.0)


def _restore(attributes: dict, method: str, before: dict) -> None:
    del attributes[method]
    if method in before:
        attributes[method] = before[method]


@contextmanager
def _find_parts(model: nn.Module) -> Iterator[list[Part]]:
    """While open, watch a pass; the parts are there when it closes."""
    hooked = {m for m in model.modules() if m._forward_hooks or m._forward_pre_hooks}
    callers: dict[str, list[str]] = {}  # by the first call
    running: list[str] = []
    split: set[str] = set()

    def enter(path: str, module: nn.Module, args: Any) -> None:
        callers.setdefault(path, [*running])
        if module in hooked:
            split.update(running)
        running.append(path)

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        running.pop()

    parts: list[Part] = []
    with ExitStack() as stack:
        for path, module in model.named_modules():
            enters = module.register_forward_pre_hook(partial(enter, path))
            leaves = module.register_forward_hook(leave)
            stack.callback(enters.remove)
            stack.callback(leaves.remove)
        try:
            yield parts
        finally:  # a tap may have ended the pass
            whole = [
                path
                for path in callers
                if path not in split and [*model.get_submodule(path).parameters()]
            ]
            parts.extend((p, 'forward') for p in whole if not {*whole} & {*callers[p]})


def compile_options(setting: Any, **defaults: Any) -> dict[str, Any] | None:
    """Options of :func:`torch.compile`; None where nothing is compiled.

    Args:
        setting: ``compile`` of a config: True, False, None or a dict of options.
        defaults: Of the options.

    Raises:
        TypeError: If it is something else.
    """
    if setting is None or setting is False:
        return None
    if setting is not True and not isinstance(setting, Mapping):
        raise TypeError(
            'compile must be True, False or a dict of options of torch.compile, but '
            f'got {setting!r}'
        )
    return defaults | ({} if setting is True else dict(setting))
