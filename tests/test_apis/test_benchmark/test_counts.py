"""Operators are counted forward and backward, views are not."""

import torch

from tskd_mm.apis.benchmark.counts import operations, operators

X, Y = torch.ones(2, 3, requires_grad=True), torch.ones(3, 2)


def forward() -> torch.Tensor:
    return (X * 2).flatten()[:3].sum()  # a product and a sum


def test_a_view_is_not_an_operator():
    X.grad = None
    assert operators(lambda: X.t()[0].unsqueeze(0)) == 0
    assert operators(forward) == 2
    # Back: a gradient of 1 to start with, that of [:3] and that of the product.
    assert operators(lambda: forward().backward()) == 5


def test_operations_of_a_matrix_product():
    assert operations(lambda: X @ Y) == 2 * 2 * 3 * 2
