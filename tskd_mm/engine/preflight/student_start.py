"""Whether a student starts from the weights that its config names."""

from collections.abc import Iterator
from dataclasses import dataclass

from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from ...models.loading.checkpoint import unwrap


@dataclass(frozen=True)
class PretrainedPart:
    """A part of the student with ``init_cfg=dict(type='Pretrained', ...)``.

    Attributes:
        name: Its path in the student; empty for the student itself.
        type: Its class.
        checkpoint: The file or URL.
        found: How many of its tensors have the values of one in the file.
        total: How many tensors of numbers it has.
    """

    name: str
    type: str
    checkpoint: str
    found: int
    total: int

    def __str__(self) -> str:
        part = self.name or 'the student'
        return f'{part}: {self.found} of {self.total} tensors from {self.checkpoint}'

    @property
    def random(self) -> bool:
        """Whether most of it is not from the file."""
        return 2 * self.found < self.total


def pretrained_parts(student: nn.Module) -> Iterator[PretrainedPart]:
    """Hold the parts of an initialised student against the files they came from.

    mmengine loads what has the right name, and only logs the names that it misses; some
    models rename or reorder what they load. So values are compared here, not names.

    Args:
        student: After ``init_weights``, before its first step.
    """
    for name, module in student.named_modules():
        init_cfg = getattr(module, 'init_cfg', None) or ()
        for config in [init_cfg] if isinstance(init_cfg, dict) else init_cfg:
            if config['type'] == 'Pretrained':
                yield _compare(name, module, config['checkpoint'])


def _compare(name: str, module: nn.Module, checkpoint: str) -> PretrainedPart:
    content = CheckpointLoader.load_checkpoint(checkpoint, 'cpu', logger='silent')
    weights = unwrap(content).values()
    known = {_mark(value) for value in weights if _has_numbers(value)}
    tensors = [value for value in module.state_dict().values() if _has_numbers(value)]
    found = sum(_mark(value) in known for value in tensors)
    return PretrainedPart(name, type(module).__name__, checkpoint, found, len(tensors))


def _has_numbers(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _mark(value: Tensor) -> tuple[int, float]:
    """The same for the same numbers in another order or shape."""
    return value.numel(), round(float(value.detach().cpu().double().sum()), 6)
