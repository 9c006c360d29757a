"""The student's past: weights of earlier epochs, ready to look at a batch."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from mmengine.dist import broadcast
from torch import Tensor, nn
from torch.func import functional_call

from ..features.dry_run import modes_restored
from ..features.feature_tap import Features, FeatureTap

Snapshot = dict[str, Tensor]


class SnapshotBank:
    """Keeps past weights of the student and runs the student with them.

    A snapshot is a copy of the trainable weights that the tapped features depend on
    and of the buffers of modules that train; frozen weights, and the statistics of
    batch norm that stays in eval mode, are the student's own. Running the student's
    own modules keeps a snapshot in the student's mode (batch statistics where the
    student uses them) and needs no second module.

    The bank is not a module: it is neither trained nor part of a ``state_dict``, and
    a deep copy of the student (an EMA model) shares it instead of copying it.

    Args:
        student: The model whose past is kept.
        tap: The features to read from it.
        parameter_names: Trainable parameters that these features depend on.

    Attributes:
        slots: The snapshots by slot, oldest first.
    """

    def __init__(
        self, student: nn.Module, tap: FeatureTap, parameter_names: Sequence[str]
    ) -> None:
        self.student = student
        self.tap = tap
        self.parameter_names = [*parameter_names]
        self.slots: dict[int, Snapshot] = {}
        with modes_restored(student):
            student.train()
            saved = student.state_dict()  # without constants
            self.buffer_names = [n for n in _training_buffers(student) if n in saved]

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
        tensors: Snapshot = dict(self.student.named_buffers())
        tensors |= dict(self.student.named_parameters())
        names = [*self.parameter_names, *self.buffer_names]
        return {name: tensors[name].detach().clone() for name in names}

    @staticmethod
    def _shapes(snapshot: Mapping[str, Tensor]) -> dict[str, torch.Size]:
        return {name: tensor.shape for name, tensor in snapshot.items()}

    def levels(self, inputs: Tensor) -> list[list[Tensor]]:
        """Feature maps of every past student; see :meth:`features`."""
        return [features.levels for features in self.features(inputs)]

    @torch.no_grad()
    def features(self, inputs: Tensor) -> list[Features]:
        """What every past student shows at the taps, oldest first; no gradient.

        Args:
            inputs: Preprocessed images, (N, C, H, W).

        Raises:
            RuntimeError: If nothing has been memorized.
        """
        if not self.slots:
            raise RuntimeError(
                'a review needs memories, but no slot is filled: call memorize() in '
                'earlier epochs, as TSKDMemoryHook does'
            )
        changing = _training_buffers(self.student)
        return [self._features(inputs, s, changing) for s in self.slots.values()]

    def _features(
        self, inputs: Tensor, snapshot: Snapshot, changing: Snapshot
    ) -> Features:
        # Cloned: batch norm writes in place.
        copies = {n: snapshot.get(n, own).clone() for n, own in changing.items()}
        weights = snapshot | copies
        model = partial(functional_call, self.student, weights)
        return self.tap.run(partial(model, (inputs,), {'mode': 'tensor'}))

    def state_dict(self) -> dict[int, Snapshot]:
        """The filled slots, oldest first."""
        return {slot: dict(snapshot) for slot, snapshot in self.slots.items()}

    def load_state_dict(self, slots: Mapping[int, Mapping[str, Tensor]]) -> None:
        """Bring back what :meth:`state_dict` returned.

        Buffers that are the student's own are left out: earlier versions kept them.

        Raises:
            ValueError: If a snapshot is of another student.
        """
        device = next(self.student.parameters()).device
        expected = self._shapes(self._copy())
        shared = dict(self.student.named_buffers()).keys() - expected.keys()
        slots = {
            slot: {n: tensor for n, tensor in snapshot.items() if n not in shared}
            for slot, snapshot in slots.items()
        }
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


def _training_buffers(model: nn.Module) -> Snapshot:
    """Those of modules in training mode; others' stay as they are (``norm_eval``)."""
    return {
        name: buffer
        for path, module in model.named_modules()
        if module.training
        for name, buffer in module.named_buffers(path, recurse=False)
    }
