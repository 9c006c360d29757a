"""How a loss on heads is given what it asks for, and how its parts are named."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ..heads.head_kind import HeadKind
from .feature_loss import build_loss, loss_class


class HeadLoss(nn.Module):
    """A loss that compares heads, under its name.

    The class of the loss has the attribute ``compares``, the kind of heads
    (:class:`.HeadKind`, such as ``DenseHeads``), and asks by the names of the
    parameters of its ``forward``. It returns a scalar or, where its class has
    ``parts = ('cls', 'box')``, a dict with a scalar for each: then they are called
    ``<name>_cls`` and ``<name>_box``, in the log and for LossWeightHook.

    Args:
        name: What the config calls it.
        config: Config of the loss.
        student_channels: Channels of the student's levels, for a loss whose
            constructor declares a parameter of this name.
        teacher_channels: The same of the teacher's.
    """

    def __init__(
        self,
        name: str,
        config: dict,
        student_channels: Sequence[int],
        teacher_channels: Sequence[int] | None,
    ) -> None:
        super().__init__()
        found: Any = loss_class(config)
        self.kind: type[HeadKind] = found.compares
        self.loss = build_loss(config, student_channels, teacher_channels)
        names = [*inspect.signature(self.loss.forward).parameters]
        self.asked = dict.fromkeys(names, found.__name__)
        self.parts = {part: f'{name}_{part}' for part in getattr(found, 'parts', ())}
        self.names = [*self.parts.values()] or [name]

    def forward(self, known: Mapping[str, Any]) -> dict[str, Tensor]:
        """The loss, or its parts, by their full names.

        Args:
            known: What the heads predicted, see :meth:`.HeadKind.read`.
        """
        found = self.loss(**{name: known[name] for name in self.asked})
        if not self.parts:
            return {self.names[0]: found}
        return {name: found[part] for part, name in self.parts.items()}
