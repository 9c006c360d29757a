"""What makes a distiller, and its checkpoints, look like its student from outside."""

from collections.abc import Iterator
from typing import Any

from mmengine.model import BaseModel
from torch import Tensor, nn


class PlainStudent(BaseModel):
    """A model around a student that host tools take for the student itself.

    Data preprocessor, attributes and ``state_dict`` are the student's own.

    Args:
        student: The model inside.
    """

    def __init__(self, student: nn.Module) -> None:
        super().__init__(student.data_preprocessor)
        self.student = student

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """The student's own, so that a checkpoint is a plain student."""
        return self.student.state_dict(*args, **kwargs)

    def named_parameters(
        self, prefix: str = '', recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """Under the student's own names, by which a layer decay knows the layers."""
        found = super().named_parameters(prefix, recurse, remove_duplicate)
        start = f'{prefix}.' if prefix else ''
        for name, parameter in found:
            inside = name.removeprefix(f'{start}student.')
            yield (name if inside == name else start + inside), parameter

    def get_layer_depth(self, param_name: str) -> tuple[int, int]:
        """Layer of a parameter in the student, for mmpretrain's layer decay.

        Args:
            param_name: Its path, as its module's name gives it.

        Returns:
            Its number, and how many there are.
        """
        return self.student.get_layer_depth(param_name.removeprefix('student.'))

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        # Loaders walk the children: there the student's keys have its name in front.
        # Those of mmdet's SyncNormHook have it already.
        inside = f'{prefix}student.'
        taken = hasattr(self.student, 'student')  # then the name is the student's own
        for name in [name for name in state_dict if name.startswith(prefix)]:
            if taken or not name.startswith(inside):
                state_dict[inside + name.removeprefix(prefix)] = state_dict.pop(name)
        # What is not the student's is not in a checkpoint and stays as it is.
        for name, tensor in super().state_dict(prefix=prefix).items():
            if not name.startswith(inside):
                state_dict[name] = tensor
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # Host hooks reach into the model: what is not here is the student's.
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == 'student':
                raise
            return getattr(self.student, name)
