"""Shares of the gradient in closed form."""

import pytest
import torch
from refusals import refused
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tskd_mm.models.distillers.gradient_share import gradient_shares


def feature(*values: float) -> Tensor:
    return torch.tensor(values, requires_grad=True)


def shares(task: Tensor, loss: Tensor, *features: Tensor, **scale: float) -> dict:
    return gradient_shares(task, dict(x=loss), dict(x=features), **scale)


def test_norm_over_all_features_and_angle():
    a, b = feature(1.0, 2.0), feature(3.0)
    task = 3 * a[0] + 4 * b[0]  # gradient (3, 0 | 4)
    loss = 6 * a[0] + 2 * a[1] + 3 * b[0]  # gradient (6, 2 | 3)
    [(share, cosine)] = shares(task, loss, a, b).values()
    assert share == pytest.approx(7 / 5)
    assert cosine == pytest.approx((3 * 6 + 4 * 3) / (7 * 5))


def test_each_loss_has_features_of_its_own():
    a, b = feature(1.0), feature(1.0)
    task = 2 * a.sum() + 5 * b.sum()
    losses = dict(one=3 * a.sum() + b.sum(), other=a.sum() - 20 * b.sum())
    found = gradient_shares(task, losses, dict(one=[a], other=[b]))
    assert found == dict(one=(1.5, 1.0), other=(4.0, -1.0))


def test_features_that_feed_each_other_have_total_derivatives():
    first = feature(2.0)
    second = first.square()  # d second / d first = 4
    task = second.sum()  # (4, 1)
    loss = (first * second).sum()  # d / d first = 3 * 2 ** 2, d / d second = 2
    [(share, cosine)] = shares(task, loss, first, second).values()
    assert share == pytest.approx((12**2 + 2**2) ** 0.5 / 17**0.5)
    assert cosine == pytest.approx(50 / (148 * 17) ** 0.5)


def test_no_gradient_reaches_a_parameter():
    weight, a = feature(2.0), feature(1.0)
    shares((a * weight).sum(), a.sum(), a)
    assert weight.grad is None and a.grad is None


def test_a_frozen_feature_is_left_out():
    frozen, a = torch.ones(3), feature(1.0)
    task = (2 * frozen).sum() + 2 * a.sum()
    assert shares(task, a.sum() + frozen.sum(), frozen, a) == dict(x=(0.5, 1.0))


def test_a_feature_that_the_loss_does_not_reach_counts_zero():
    a, b = feature(1.0), feature(1.0)
    [(share, cosine)] = shares(3 * a.sum() + 4 * b.sum(), 5 * a.sum(), a, b).values()
    assert (share, cosine) == pytest.approx((1.0, 0.6))


@pytest.mark.parametrize(
    'task, loss',
    [(0.0, 1.0), (1.0, 0.0), (float('nan'), 1.0), (1.0, float('inf')), (1.0, 1e30)],
)
def test_zero_and_what_is_no_number_is_skipped(task: float, loss: float):
    a, b = feature(1.0), feature(1.0)
    losses = dict(good=2 * a.sum(), bad=loss * b.sum())
    found = gradient_shares(
        4 * a.sum() + task * b.sum(), losses, dict(good=[a], bad=[b])
    )
    assert found == dict(good=(0.5, 1.0))


def test_a_loss_without_gradient_is_skipped():
    a = feature(1.0)
    assert shares(a.sum(), torch.tensor(3.0), a) == {}


def test_loss_scale_keeps_what_float16_would_lose():
    half = feature(1.0).half()
    task, loss = 2e-9 * half.float().sum(), 1e-9 * half.float().sum()
    assert shares(task, loss, half) == {}  # underflow
    [(share, cosine)] = shares(task, loss, half, loss_scale=2.0**24).values()
    assert share == pytest.approx(0.5, rel=1e-2)
    assert cosine == pytest.approx(1)
    assert shares(task, loss, half, loss_scale=2.0**60) == {}  # overflow of the task


def test_a_loss_too_large_for_the_scale_is_measured_without():
    half = feature(1.0).half()
    task, loss = 2e-9 * half.float().sum(), 1.5 * half.float().sum()
    small = 4e-9 * half.float().sum()
    losses, place = dict(large=loss, small=small), dict(large=[half], small=[half])
    found = gradient_shares(task, losses, place, loss_scale=2.0**24)
    assert found['large'].share == pytest.approx(1.5 / 2e-9, rel=1e-2)
    assert found['large'].cosine == pytest.approx(1)
    assert found['small'].share == pytest.approx(2, rel=1e-2)


def test_a_measurement_is_not_rounded_by_autocast():
    a, weight = feature(1.0, 1.0), torch.tensor([[1.001, 0.0], [1.0, 1.0]])
    loss = (a @ weight).sum()  # gradient (1.001, 2)
    with torch.autocast('cpu', torch.bfloat16):
        [(share, _)] = shares(a.sum(), loss, a).values()
    assert share == pytest.approx((1.001**2 + 4) ** 0.5 / 2**0.5, rel=1e-6)


def test_a_feature_whose_loss_is_not_there_yet_is_checked():
    a, b = feature(1.0), feature(1.0)
    assert gradient_shares(a.sum(), {}, dict(review=[a])) == {}
    with pytest.raises(ValueError, match='needs the task in all tapped features'):
        gradient_shares(a.sum(), {}, dict(review=[a, b]))
    with pytest.raises(ValueError, match='every tapped feature of the student is froz'):
        gradient_shares(a.sum(), {}, dict(review=[torch.ones(1)]))


def test_a_feature_that_the_task_never_reaches():
    a, b = feature(1.0), feature(1.0, 2.0)
    text = (
        'a share of the gradient needs the task in all tapped features, but the '
        "student's own loss does not depend on the one of shape (2,): leave it out of "
        'student_taps or strides (of scores: choose another logit_tap), or remove '
        'LossBalanceHook'
    )
    with refused(text):
        shares(a.sum(), a.sum() + b.sum(), a, b)


def test_all_features_frozen():
    text = (
        'the share of x cannot be measured, because every tapped feature of the '
        'student is frozen: choose student_taps that are trained, or remove '
        'LossBalanceHook'
    )
    with refused(text):
        shares(feature(1.0).sum(), feature(1.0).sum(), torch.ones(2))


def test_reentrant_checkpointing_behind_a_feature():
    a = feature(1.0)
    task = checkpoint(torch.square, a, use_reentrant=True).sum()
    text = (
        'LossBalanceHook cannot measure gradients through reentrant activation '
        'checkpointing behind a tapped module: set with_cp=False there (and remove it '
        'from activation_checkpointing), use use_reentrant=False, or remove '
        'LossBalanceHook'
    )
    with refused(text, RuntimeError):
        shares(task, a.sum(), a)


def test_other_checkpointing_and_any_before_a_feature():
    a = checkpoint(torch.square, feature(1.0), use_reentrant=True)
    task = checkpoint(torch.square, a, use_reentrant=False).sum()
    assert shares(task, 3 * a.sum(), a) == dict(x=(1.5, 1.0))
    task.backward()  # the graph is still there


def test_other_errors_pass():
    a = feature(1.0)
    task = a.square().sum()
    task.backward()  # frees the graph
    with pytest.raises(RuntimeError, match='backward through the graph a second time'):
        shares(task, a.sum(), a)
