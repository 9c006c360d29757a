"""Tokens of a vision transformer as a feature map."""

from collections.abc import Sequence

from torch import Tensor, nn


def patch_convolution(model: nn.Module) -> nn.Module | None:
    """The convolution that cuts an image into patches; None without one.

    It is the first of the model, and its stride is the size of its kernel.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            size = module.kernel_size
            return module if size == module.stride and size[0] > 1 else None
    return None


def token_map(path: str, tokens: Tensor, grid: Sequence[int] | None) -> Tensor:
    """Tokens in the place of their patches.

    Args:
        path: Of the module that returned them, for messages.
        tokens: (N, L, C): first those that stand for no patch (class, registers), then
            the patches row by row.
        grid: Rows and columns of patches; None where they are not known.

    Returns:
        (N, C, rows, columns).

    Raises:
        ValueError: If there are fewer tokens than patches, or no patches.
    """
    count = grid[0] * grid[1] if grid else 0
    if grid is None or tokens.shape[1] < count:
        raise ValueError(
            f'the tapped module {path!r} returned tokens {tuple(tokens.shape)}, but '
            f'the image was cut into {count} patches, so that their places are not '
            'known: tap a module that returns one token for each patch, or feature '
            'maps (N, C, H, W)'
        )
    patches = tokens[:, tokens.shape[1] - count :]
    return patches.transpose(1, 2).unflatten(2, (grid[0], grid[1]))
