"""The student's past: weights of earlier epochs, ready to look at a batch."""

from collections.abc import Callable, Mapping

import torch
from mmengine.dist import broadcast
from torch import Tensor, nn
from torch.func import functional_call

from .feature_tap import FeatureTap

Snapshot = dict[str, Tensor]


class SnapshotBank:
    """Keeps past weights of the student and runs the student with them.

    A snapshot is a copy of the trainable weights that the tapped features depend on
    and of the buffers beside them; frozen weights are the student's own. Running the
    student's own modules keeps a snapshot in the student's mode (batch statistics
    where the student uses them) and needs no second module.

    The bank is no module: it is neither trained nor moved into a ``state_dict``, and
    a deep copy of the student (an EMA model) shares it instead of copying it.

    Args:
        student: The model whose past is kept.
        tap: The features to read from it.
    """

    def __init__(self, student: nn.Module, tap: FeatureTap) -> None:
        self.student = student
        self.tap = tap
        self.slots: dict[int, Snapshot] = {}  # in order of age, oldest first
        self.parameter_names = _names_behind(tap)
        tops = {name.split('.')[0] for name in self.parameter_names}
        self.buffer_names = [
            name for name, _ in student.named_buffers() if name.split('.')[0] in tops
        ]

    def __deepcopy__(self, memo: dict) -> 'SnapshotBank':
        return self

    def memorize(self, slot: int) -> None:
        """Copy the student into ``slot``; the copy is now the youngest."""
        self.slots.pop(slot, None)
        state = dict(self.student.named_parameters()) | dict(
            self.student.named_buffers()
        )
        names = [*self.parameter_names, *self.buffer_names]
        snapshot = {name: state[name].detach().clone() for name in names}
        for name in self.buffer_names:
            broadcast(snapshot[name])  # running statistics differ between processes
        self.slots[slot] = snapshot

    @torch.no_grad()
    def levels(self, inputs: Tensor) -> list[list[Tensor]]:
        """Feature maps of every past student, oldest first; no gradient.

        Args:
            inputs: Preprocessed images, (N, 3, H, W).
        """
        return [self._levels(inputs, snapshot) for snapshot in self.slots.values()]

    def _levels(self, inputs: Tensor, snapshot: Snapshot) -> list[Tensor]:
        # Batch norm updates its buffers in place: it gets a copy to spoil.
        weights = snapshot | {n: snapshot[n].clone() for n in self.buffer_names}
        forward = lambda: functional_call(  # noqa: E731
            self.student, weights, (inputs,), {'mode': 'tensor'}
        )
        return self.tap.run(forward).levels

    def state_dict(self) -> dict[int, Snapshot]:
        """The filled slots, oldest first."""
        return {slot: dict(snapshot) for slot, snapshot in self.slots.items()}

    def load_state_dict(self, slots: Mapping[int, Mapping[str, Tensor]]) -> None:
        """Bring back what :meth:`state_dict` returned.

        Raises:
            ValueError: If a snapshot is of another student.
        """
        device = next(self.student.parameters()).device
        names = {*self.parameter_names, *self.buffer_names}
        for slot, snapshot in slots.items():
            if set(snapshot) != names:
                raise ValueError(
                    f'memory slot {slot} holds another student: the names '
                    f'{sorted(set(snapshot) ^ names)} are in only one of the two'
                )
        self.slots = {
            slot: {name: tensor.to(device) for name, tensor in snapshot.items()}
            for slot, snapshot in slots.items()
        }

    def apply(self, fn: Callable[[Tensor], Tensor]) -> None:
        """Move or convert every kept tensor, as ``nn.Module._apply`` does."""
        for snapshot in self.slots.values():
            for name, tensor in snapshot.items():
                snapshot[name] = fn(tensor)


def _names_behind(tap: FeatureTap) -> list[str]:
    """Trainable parameters that the tapped features depend on."""
    trainable = {n: p for n, p in tap.model.named_parameters() if p.requires_grad}
    with torch.enable_grad():
        total = torch.stack([level.sum() for level in tap.dry_run().levels]).sum()
    gradients = torch.autograd.grad(total, [*trainable.values()], allow_unused=True)
    return [name for name, g in zip(trainable, gradients) if g is not None]
