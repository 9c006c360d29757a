"""The memory that a training holds from step to step, and what its checkpoints take."""

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from ...engine.resume.checkpoint_entry import add_entry
from .training_steps import TrainingSteps


def held_bytes(steps: TrainingSteps) -> dict[str, int]:
    """Bytes that stay from step to step."""
    model = steps.model
    trained = [p for p in steps.alone.parameters() if p.requires_grad]
    memories = [t for snapshot in model.bank.slots.values() for t in snapshot.values()]
    states = steps.optimizers[1].optimizer.state.values()
    shared = [
        parameter
        for name, parameter in steps.alone.named_parameters()
        if parameter.requires_grad and name.startswith(('backbone.', 'neck.'))
    ]
    slots = len(model.bank.slots)
    return {
        'student': _bytes(steps.alone.state_dict().values()),
        'gradients of the student': _bytes(trained),
        'optimizer of the student': _bytes(t for s in states for t in s.values()),
        'teacher': _bytes(model.teacher.tensors()),
        'memories': _bytes(memories),
        'trainable weights of backbone and neck, a memory each': slots * _bytes(shared),
        'predictors': _bytes(model.review.parameters()),
    }


def _bytes(tensors: Iterable[Any]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors if isinstance(t, Tensor))


def savers(steps: TrainingSteps) -> dict[str, Callable[[], int]]:
    """What saves a checkpoint, and returns its bytes."""

    def save(model: Any, optimizer: Any, entry: bool) -> int:
        content = {
            'state_dict': model.state_dict(),
            'optimizer': optimizer.state_dict(),
        }
        if entry:
            add_entry(content, steps.model, optimizer, steps.hook.schedule_state())
        with TemporaryDirectory() as folder:
            file = Path(folder, 'checkpoint.pth')
            torch.save(content, file)
            return file.stat().st_size

    with_tskd, alone = steps.optimizers
    return {
        'student': lambda: save(steps.alone, alone, False),
        "with the entry 'tskd'": lambda: save(steps.model, with_tskd, True),
    }
