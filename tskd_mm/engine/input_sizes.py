"""The size of a batch, which mmdet draws once for many iterations."""

from typing import Any

from torch import nn

InputSize = tuple[int, int] | None  # height and width; None until the first batch


def input_sizes(preprocessor: nn.Module) -> list[InputSize]:
    """What each BatchSyncRandomResize of a data preprocessor resizes to now."""
    return [resizer._input_size for resizer in _resizers(preprocessor)]


def set_input_sizes(preprocessor: nn.Module, sizes: list[InputSize]) -> None:
    """Bring back what :func:`input_sizes` returned."""
    for resizer, size in zip(_resizers(preprocessor), sizes):
        resizer._input_size = size


def _resizers(preprocessor: nn.Module) -> list[Any]:
    return [part for part in preprocessor.modules() if hasattr(part, '_input_size')]
