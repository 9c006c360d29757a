"""Folds batch norms into the convolutions in front of them."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

TOLERANCE = 1e-5  # of the largest value of an output
Outputs = Callable[[nn.Module], Sequence[Tensor]]


@torch.no_grad()
def fold_norms(
    model: nn.Module, outputs: Outputs, untouched: Collection[nn.Module] = ()
) -> tuple[nn.Module, int]:
    """A copy of a frozen model in which batch norms are part of convolutions.

    Those are folded that were seen to read what a convolution returned, with nothing
    else reading it, and where both ran once. The copy shares all other weights with
    the model, which stays as it is.

    Args:
        model: In eval mode.
        outputs: Runs a model, the copy too, and returns what has to stay the same.
        untouched: Modules that are not folded.

    Returns:
        The copy, and how many batch norms were folded; the model itself and 0 if none
        can be, or if the outputs of the copy differ.
    """
    with _true_float32():
        expected, pairs = _watch(model, outputs, untouched)
        if not pairs:
            return model, 0
        folded = _fold(model, pairs)
        same = all(map(_is_close, outputs(folded), expected))
    return (folded, len(pairs)) if same else (model, 0)


def _watch(
    model: nn.Module, outputs: Outputs, untouched: Collection[nn.Module]
) -> tuple[Sequence[Tensor], list[tuple[nn.Conv2d, _BatchNorm]]]:
    """The outputs, and each batch norm that can be folded with its convolution."""
    reads = _Reads()
    runs: Counter[nn.Module] = Counter()
    makers: dict[int, nn.Conv2d] = {}
    pairs: list[tuple[nn.Conv2d, _BatchNorm, Tensor]] = []

    def follow(conv: nn.Conv2d, args: Any, output: Tensor) -> None:
        runs[conv] += 1
        makers[id(output)] = conv
        reads.follow(output)

    def pair(norm: _BatchNorm, args: tuple[Tensor], output: Tensor) -> None:
        runs[norm] += 1
        pairs.extend((makers[id(x)], norm, x) for x in args if id(x) in makers)

    with ExitStack() as stack:
        for module in model.modules():
            if module in untouched or not _is_plain(module):
                continue
            hook = follow if isinstance(module, nn.Conv2d) else pair
            stack.callback(module.register_forward_hook(hook).remove)
        stack.enter_context(reads)
        found = outputs(model)
    for output in found:
        reads.count(output)
    names = Counter(m for _, m in model.named_modules(remove_duplicate=False))
    return found, [
        (conv, norm)
        for conv, norm, between in pairs
        if reads.counts[id(between)] == 1
        and runs[conv] == runs[norm] == names[conv] == names[norm] == 1
    ]


def _is_plain(module: nn.Module) -> bool:
    """Whether a module computes what PyTorch's convolution or batch norm does."""
    if module._forward_hooks or module._forward_pre_hooks:
        return False
    if isinstance(module, _BatchNorm):
        return not module.training and module.running_mean is not None
    return type(module) is nn.Conv2d


class _Reads(TorchDispatchMode):
    """Counts how many operators read the tensors that are followed."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[int, int] = {}
        self.kept: list[Tensor] = []  # an id is that of one tensor while it lives

    def follow(self, tensor: Tensor) -> None:
        self.counts[id(tensor)] = 0
        self.kept.append(tensor)

    def count(self, value: Any) -> None:
        if id(value) in self.counts:
            self.counts[id(value)] += 1

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        for value in tree_flatten((args, kwargs))[0]:
            self.count(value)
        return operator(*args, **(kwargs or {}))


def _fold(model: nn.Module, pairs: Sequence[tuple[nn.Conv2d, _BatchNorm]]) -> nn.Module:
    tensors = [*model.parameters(), *model.buffers()]
    folded = deepcopy(model, {id(tensor): tensor for tensor in tensors})
    paths = {module: path for path, module in model.named_modules()}
    for conv, norm in pairs:
        _replace(folded, paths[conv], fuse_conv_bn_eval(conv, norm))
        _replace(folded, paths[norm], nn.Identity().eval())
    return folded


def _replace(model: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition('.')
    setattr(model.get_submodule(parent), name, module)


def _is_close(found: Tensor, expected: Tensor) -> bool:
    limit = TOLERANCE * expected.abs().max()
    return bool((found - expected).abs().max() <= limit)


@contextmanager
def _true_float32() -> Iterator[None]:
    """Without the ten-bit fractions that convolutions on a GPU may take."""
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = allowed
