"""What a step asks of the hardware, the same on every machine."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from ..interleaved_timing import Step


def operations(step: Step) -> int:
    """Multiplications and additions of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def operators(step: Step) -> int:
    """Operators of PyTorch, forward and backward; a view of a tensor is not counted.

    On a GPU each is a kernel's launch, or several.
    """
    with _Counter() as counter:
        step()
    return counter.count


class _Counter(TorchDispatchMode):
    count = 0

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        aliases = [result.alias_info for result in operator._schema.returns]
        view = any(alias is not None and not alias.is_write for alias in aliases)
        self.count += not view
        return operator(*args, **(kwargs or {}))
