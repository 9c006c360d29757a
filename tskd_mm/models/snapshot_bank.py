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
    and of the buffers; frozen weights are the student's own. Running the
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
        self.buffer_names = [name for name, _ in student.named_buffers()]

    def __deepcopy__(self, memo: dict) -> 'SnapshotBank':
        return self

    def memorize(self, slot: int) -> None:
        """Copy the student into ``slot``; the copy is now the youngest."""
        self.slots.pop(slot, None)
        snapshot = self._copy()
        for name in self.buffer_names:
            broadcast(snapshot[name])  # running statistics differ between processes
        self.slots[slot] = snapshot

    def _copy(self) -> Snapshot:
        parameters = dict(self.student.named_parameters())
        tensors: Snapshot = {n: parameters[n] for n in self.parameter_names}
        tensors |= dict(self.student.named_buffers())
        return {name: tensor.detach().clone() for name, tensor in tensors.items()}

    @staticmethod
    def _shapes(snapshot: Mapping[str, Tensor]) -> dict[str, torch.Size]:
        return {name: tensor.shape for name, tensor in snapshot.items()}

    @torch.no_grad()
    def levels(self, inputs: Tensor) -> list[list[Tensor]]:
        """Feature maps of every past student, oldest first; no gradient.

        Args:
            inputs: Preprocessed images, (N, 3, H, W).

        Raises:
            RuntimeError: If nothing has been memorized.
        """
        if not self.slots:
            raise RuntimeError(
                'a review needs memories, but no slot is filled: call memorize() in '
                'earlier epochs, as TSKDMemoryHook does'
            )
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
        expected = self._shapes(self._copy())
        for slot, snapshot in slots.items():
            differing = expected.items() ^ self._shapes(snapshot).items()
            if differing:
                raise ValueError(
                    f'memory slot {slot} holds another student: '
                    f'{sorted({name for name, _ in differing})} differ in name or shape'
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
    with torch.enable_grad():
        total = torch.stack([level.sum() for level in tap.dry_run().levels]).sum()
    if not total.requires_grad:
        return []
    total.backward()  # torch.autograd.grad refuses models with gradient checkpointing
    parameters = dict(tap.model.named_parameters())
    names = [name for name, p in parameters.items() if p.grad is not None]
    tap.model.zero_grad(set_to_none=True)
    return names
