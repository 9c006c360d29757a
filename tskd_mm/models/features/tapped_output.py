"""What the output of a tapped module means: feature maps, or scores."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .token_map import token_map


class MixedOutput(ValueError):
    """A tapped module returns a feature map, and something else."""


def maps_of(path: str, output: Any, grid: Sequence[int] | None) -> list[Tensor]:
    """Feature maps, each (N, C, H, W).

    Args:
        path: Of the module.
        output: Of the module: a map or tokens (N, L, C), or several of them.
        grid: Rows and columns of patches that tokens lie on, where they are known.

    Raises:
        MixedOutput: If there are other things among the maps.
        ValueError: If there is no map, or tokens do not fill the grid.
    """
    parts = [output] if isinstance(output, Tensor) else list(output)
    # A pixel decoder returns one map and a list of others.
    maps = [m for x in parts for m in (x if isinstance(x, (list, tuple)) else [x])]
    if all(isinstance(m, Tensor) and m.dim() == 3 for m in maps):
        return [token_map(path, tokens, grid) for tokens in maps]
    if not all(isinstance(m, Tensor) and m.dim() == 4 for m in maps):
        shapes = [tuple(m.shape) if torch.is_tensor(m) else type(m) for m in maps]
        some = any(isinstance(m, Tensor) and m.dim() == 4 for m in maps)
        raise (MixedOutput if some else ValueError)(
            f'the tapped module {path!r} must return feature maps (N, C, H, W), but '
            f'it returned {shapes}'
        )
    return maps


def scores_of(path: str, output: Any, setting: str) -> Tensor:
    """Classification scores, (N, K).

    Args:
        path: Of the module.
        output: Of the module.
        setting: What the config calls ``path``, for messages.

    Raises:
        ValueError: If the module returned something else.
    """
    if not isinstance(output, Tensor) or output.dim() != 2:
        found = tuple(output.shape) if torch.is_tensor(output) else type(output)
        raise ValueError(
            f'{setting} {path!r} must return the scores of the classes (N, K), but it '
            f'returned {found}'
        )
    return output
