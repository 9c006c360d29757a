"""Factors that follow from shares, by hand."""

import math

import pytest
import torch

from tskd_mm.models.distillers.loss_balance import LEAST, MOST, LossBalance
from tskd_mm.models.features.feature_tap import Features


def balance(*logit_losses: str, **shares: float) -> LossBalance:
    model = LossBalance(logit_losses)
    model.shares, model.due = shares, [*shares]
    return model


def measure(model: LossBalance, raw: float, name: str = 'pkd', **schedule: float):
    """Measure a loss whose gradient is ``raw`` times the task's."""
    feature = torch.ones(2, requires_grad=True)
    inside = model.factors(schedule).get(name, 1.0) if name == 'review' else 1.0
    added = {name: raw * inside * feature.sum()}
    found = model.measure(feature.sum(), added, Features([feature]), schedule)
    return {key: value.item() for key, value in found.items()}


def test_the_factor_brings_a_loss_to_its_share():
    model = balance(pkd=0.5)
    assert model.factors({}) == dict(pkd=LEAST)  # nothing is known yet
    found = measure(model, raw=4.0)
    assert found == pytest.approx(dict(share_pkd=0.5, factor_pkd=0.125, cosine_pkd=1))
    assert model.factors({}) == pytest.approx(dict(pkd=0.125))


def test_shares_are_smoothed():
    model, logs = balance(pkd=1.0), []
    for raw in (8.0, 2.0, 1.0, 4.0, 16.0, 2.0):
        found = measure(model, raw)
        logs.append(math.log(raw))
        mean = logs[0]
        for log in logs[1:]:
            mean = (mean + log) / 2
        factor = 1 / math.exp(mean)
        assert found['factor_pkd'] == pytest.approx(factor)
        assert found['share_pkd'] == pytest.approx(raw * factor)


def test_factors_are_bounded():
    for raw, factor in ((1e-9, MOST), (1e9, LEAST)):
        assert measure(balance(pkd=1.0), raw)['factor_pkd'] == pytest.approx(factor)


def test_the_schedule_multiplies_the_share():
    model = balance(pkd=0.5)
    found = measure(model, 2.0, pkd=0.1)
    assert found == pytest.approx(dict(share_pkd=0.05, factor_pkd=0.025, cosine_pkd=1))
    assert model.factors(dict(kd=3.0)) == pytest.approx(dict(kd=3.0, pkd=0.25))


def test_a_review_is_scaled_already():
    model = balance(review=0.1)
    for raw in (0.01, 0.01, 0.01):
        before = model.factors({})['review']
        found = measure(model, raw, 'review')
        assert found['factor_review'] == pytest.approx(before)
        assert found['share_review'] == pytest.approx(raw * before)
    assert model.factors({}) == pytest.approx(dict(review=10.0))


def test_a_review_of_factor_zero_is_not_measured():
    model = balance(review=0.1)
    assert measure(model, 1.0, 'review', review=0.0) == {}
    assert model.records == {}


def test_a_review_with_a_small_factor_is_measured_in_float16():
    model, half = balance(review=0.1), torch.ones(2, requires_grad=True).half()
    model.loss_scale = lambda: 2.0**16
    review = 1e-7 * LEAST * half.float().sum()  # 65536 times that is 0 in float16
    model.measure(half.float().sum() / 100, dict(review=review), Features([half]), {})
    assert model.factors({})['review'] == pytest.approx(0.1 * 0.01 / 1e-7, rel=1e-2)


def test_what_is_not_due_is_not_measured():
    model = balance(pkd=1.0)
    model.due, model.checked = [], True
    assert measure(model, 1.0) == {}


def test_a_share_of_a_review_is_checked_before_the_first_review():
    model, level = balance(review=0.1), torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match='needs the task in all tapped features'):
        model.measure(torch.tensor(1.0), {}, Features([level]), {})
    assert not model.checked
    assert model.measure(level.sum(), {}, Features([level]), {}) == {}
    assert model.checked and model.records == {}
    # From now on a step with nothing to measure has no backward pass.
    assert model.measure(torch.tensor(1.0), {}, Features([level]), {}) == {}


def test_losses_on_logits_are_measured_at_the_scores():
    model = balance('kd', kd=1.0)
    level, scores = (torch.ones(2, requires_grad=True) for _ in range(2))
    task, kd = level.sum() + scores.sum(), 5 * level.sum() + 4 * scores.sum()
    model.measure(task, dict(kd=kd), Features([level], scores), {})
    assert model.factors({}) == pytest.approx(dict(kd=0.25))


def test_state_of_plain_numbers():
    model, other = balance(pkd=1.0), balance(pkd=1.0)
    measure(model, 3.0)
    model.count_step(['pkd', 'review'])
    state = model.state()
    expected = dict(
        pkd=dict(steps=1, measured=1, log_share=pytest.approx(math.log(3.0))),
        review=dict(steps=1, measured=0, log_share=0.0),
    )
    assert state == expected
    other.load_state(state)
    assert other.records == model.records
