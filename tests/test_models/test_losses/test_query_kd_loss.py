"""QueryKDLoss against a NumPy form of its equations."""

import numpy as np
import pytest
import torch
from loss_reference import gradient

from tskd_mm.models.heads.query_heads import QueryOutputs
from tskd_mm.models.losses import QueryKDLoss
from tskd_mm.models.losses.query_kd_loss import layer_pairs

SETTINGS = dict(cls_weight=3.0, box_weight=0.5, giou_weight=0.25)
N, Q, K = 2, 4, 3


def outputs(layers: int) -> QueryOutputs:
    boxes = torch.rand(layers, N, Q, 4).double() * 0.5 + 0.1
    logits = torch.randn(layers, N, Q, K).double()
    return QueryOutputs(logits.requires_grad_(), boxes.requires_grad_())


def bernoulli(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def giou(a: np.ndarray, b: np.ndarray) -> float:
    """Of two boxes (cx, cy, w, h), side by side as intervals."""
    low, high = [c[:2] - c[2:] / 2 for c in (a, b)], [c[:2] + c[2:] / 2 for c in (a, b)]
    inside = np.prod(np.maximum(np.minimum(*high) - np.maximum(*low), 0))
    union = np.prod(a[2:]) + np.prod(b[2:]) - inside
    hull = np.prod(np.maximum(*high) - np.minimum(*low))
    return inside / union - (hull - union) / hull


def equation(logits, boxes, their_logits, their_boxes, pairs) -> tuple[float, float]:
    classes = distances = 0.0
    for ours, theirs in pairs:
        scores = sigmoid(their_logits[theirs])
        weights = scores.max(-1) / scores.max(-1).sum()
        for n, q in np.ndindex(N, Q):
            one = bernoulli(scores[n, q], sigmoid(logits[ours, n, q])).sum()
            classes += 3.0 * weights[n, q] * one
            a, b = boxes[ours, n, q], their_boxes[theirs, n, q]
            one = 0.5 * np.abs(a - b).sum() + 0.25 * (1 - giou(a, b))
            distances += weights[n, q] * one
    return classes, distances


@pytest.mark.parametrize(
    'student, teacher, pairs',
    [
        (2, 2, [(0, 0), (1, 1)]),
        (2, 6, [(0, 2), (1, 5)]),
        (3, 2, [(0, 0), (1, 1), (2, 1)]),
    ],
)
def test_values_and_gradients(student, teacher, pairs):
    ours, theirs = outputs(student), outputs(teacher)
    found = QueryKDLoss(**SETTINGS)(ours, theirs)
    sum(found.values()).backward()
    logits, boxes, *targets = (
        x.detach().numpy()
        for x in (ours.logits, ours.boxes, theirs.logits, theirs.boxes)
    )
    expected = equation(logits, boxes, *targets, pairs)
    assert [x.item() for x in found.values()] == pytest.approx(expected)
    slopes = gradient(lambda x: sum(equation(x, boxes, *targets, pairs)), logits)
    np.testing.assert_allclose(ours.logits.grad, slopes, atol=1e-7)
    slopes = gradient(lambda x: sum(equation(logits, x, *targets, pairs)), boxes)
    np.testing.assert_allclose(ours.boxes.grad, slopes, atol=1e-6)


@pytest.mark.parametrize('student', range(1, 8))
@pytest.mark.parametrize('teacher', range(1, 8))
def test_the_last_layer_goes_with_the_last(student, teacher):
    pairs = layer_pairs(student, teacher)
    assert len(pairs) == student
    assert pairs[-1] == teacher - 1
    assert pairs == sorted(pairs) and pairs[0] >= 0
    if student == teacher:
        assert pairs == [*range(student)]


def test_nothing_where_both_are_equal_even_for_tiny_boxes():
    ours = outputs(2)
    with torch.no_grad():
        ours.boxes[..., 2:] = 1e-4
    theirs = QueryOutputs(ours.logits.detach().clone(), ours.boxes.detach().clone())
    found = QueryKDLoss()(ours, theirs)
    sum(found.values()).backward()
    assert [*map(float, found.values())] == [0, 0]
    assert ours.logits.grad.abs().max() < 1e-15
    assert ours.boxes.grad.abs().max() < 1e-9


def test_queries_of_the_background_hardly_count():
    """Of two queries as far off, the one where the teacher sees an object counts."""
    theirs = QueryOutputs(
        torch.tensor([[[[5.0], [-5.0]]]]), torch.full((1, 1, 2, 4), 0.5)
    )
    shares = []
    for moved in range(2):
        boxes = theirs.boxes.clone()
        boxes[0, 0, moved, 0] += 0.1
        found = QueryKDLoss()(QueryOutputs(theirs.logits, boxes), theirs)
        shares.append(found['box'].item())
    assert shares[0] / shares[1] == pytest.approx(np.exp(5))
