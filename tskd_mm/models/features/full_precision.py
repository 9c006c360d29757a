"""The precision in which features are compared."""

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> Tensor:
    """In float32, unless it is float64."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()
