"""The pixels of all levels side by side, so that one operation serves every level."""

from collections.abc import Sequence

import torch
from torch import Tensor


class JoinedLevels:
    """Joins maps of several sizes to one row of pixels, and splits it again.

    On a GPU a small operation costs its launch, whatever it computes: between the
    convolutions, five levels cost as much as one.

    Args:
        levels: Any maps of these sizes, (..., H, W), one a level.
    """

    def __init__(self, levels: Sequence[Tensor]) -> None:
        self.sizes = [level.shape[-2:] for level in levels]
        self.lengths = [height * width for height, width in self.sizes]

    def join(self, levels: Sequence[Tensor]) -> Tensor:
        """One (..., H, W) a level to (..., P); all else of the shapes is equal."""
        flat = [level.flatten(-2) for level in levels]
        return torch.cat(flat, -1) if len(flat) > 1 else flat[0]

    def split(self, row: Tensor) -> list[Tensor]:
        """(..., P) to one (..., H, W) a level; views."""
        parts = row.split(self.lengths, -1)
        return [part.unflatten(-1, size) for part, size in zip(parts, self.sizes)]

    def sums(self, row: Tensor) -> Tensor:
        """(..., P) to the sums over the pixels of each level, (..., L)."""
        return torch.stack([p.sum(-1) for p in row.split(self.lengths, -1)], -1)

    def averages(self, row: Tensor, inside: Tensor | None) -> Tensor:
        """(..., P) to the means over the valid pixels of each level, (..., L).

        Args:
            row: 0 in the padding.
            inside: As from :meth:`join_masks`.
        """
        if inside is None and torch._dynamo.is_compiling():
            # A tensor of the lengths would make a graph for these lengths alone.
            return torch.stack([p.mean(-1) for p in row.split(self.lengths, -1)], -1)
        return self.sums(row) / self.count(inside, row)

    def spread(self, values: Tensor) -> Tensor:
        """One value a level, (..., L), to all of its pixels, (..., P)."""
        parts = zip(values.unbind(-1), self.lengths)
        return torch.cat([v.unsqueeze(-1).expand(*v.shape, n) for v, n in parts], -1)

    def means(self, row: Tensor, inside: Tensor | None) -> Tensor:
        """Means over the valid pixels of each level, summed over the levels.

        Args:
            row: 0 in the padding, (N, 1, P).
            inside: As from :meth:`join_masks`.

        Returns:
            (N, 1).
        """
        return (row * self.spread(1 / self.count(inside, row))).sum(-1)

    def join_masks(self, valid: Sequence[Tensor | None]) -> Tensor | None:
        """Masks of the padding as a row, (N, 1, P); None where nothing is padded."""
        masks = [mask for mask in valid if mask is not None]
        return self.join(masks) if masks else None

    def count(self, inside: Tensor | None, like: Tensor) -> Tensor:
        """How many pixels are valid, (N, 1, L), or (L,) where all are.

        Args:
            inside: As from :meth:`join_masks`.
            like: Gives the device and the precision.
        """
        return like.new_tensor(self.lengths) if inside is None else self.sums(inside)
