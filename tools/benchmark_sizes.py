"""What the benchmark counts: operations, memory that stays, checkpoints."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from benchmark_steps import BenchmarkSteps
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from turns import Step

from tskd_mm.engine import TSKDMemoryHook
from tskd_mm.engine.resume.checkpoint_entry import add_entry


def operations(step: Step) -> int:
    """Multiplications and additions of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def held_bytes(steps: BenchmarkSteps) -> dict[str, int]:
    """Bytes that stay from step to step."""
    model: Any = steps.model
    trained = [p for p in steps.alone.parameters() if p.requires_grad]
    memories = [t for snapshot in model.bank.slots.values() for t in snapshot.values()]
    states = steps.optimizers[1].optimizer.state.values()
    return {
        'student': _bytes(steps.alone.state_dict().values()),
        'gradients of the student': _bytes(trained),
        'optimizer of the student': _bytes(t for s in states for t in s.values()),
        'teacher': _bytes(model.teacher.model.state_dict().values()),
        'memories': _bytes(memories),
        'trainable weights of backbone and neck, a memory each': len(model.bank.slots)
        * _bytes(
            parameter
            for name, parameter in steps.alone.named_parameters()
            if parameter.requires_grad and name.startswith(('backbone.', 'neck.'))
        ),
        'predictors': _bytes(model.review.parameters()),
    }


def _bytes(tensors: Any) -> int:
    return sum(t.numel() * t.element_size() for t in tensors if isinstance(t, Tensor))


def savers(steps: BenchmarkSteps, hook: TSKDMemoryHook) -> dict[str, Callable[[], int]]:
    """What saves a checkpoint, and returns its bytes."""

    def save(model: Any, optimizer: Any, entry: bool) -> int:
        content = {
            'state_dict': model.state_dict(),
            'optimizer': optimizer.state_dict(),
        }
        if entry:
            add_entry(content, steps.model, optimizer, hook.schedule_state())
        with TemporaryDirectory() as folder:
            file = Path(folder, 'checkpoint.pth')
            torch.save(content, file)
            return file.stat().st_size

    with_tskd, alone = steps.optimizers
    return {
        'student': lambda: save(steps.alone, alone, False),
        "with the entry 'tskd'": lambda: save(steps.model, with_tskd, True),
    }
