"""The static losses in closed form."""

import math
import re

import pytest
import torch
import torch.nn.functional as F

from tskd_mm.models.losses import AttentionTransferLoss, LogitKLLoss


def test_logit_kl_by_hand():
    student, teacher = torch.zeros(1, 2), torch.tensor([[math.log(3) * 2, 0.0]])
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    found = LogitKLLoss(temperature=2.0)(student, teacher)
    assert float(found) == pytest.approx(4 * divergence, rel=1e-6)


@pytest.mark.parametrize('temperature', [1.0, 4.0])
@pytest.mark.parametrize('weight', [1.0, 0.3])
def test_logit_kl_value_and_gradient(temperature: float, weight: float):
    student = (torch.randn(5, 7) * 3).requires_grad_()
    teacher = torch.randn(5, 7) * 3
    p = (teacher / temperature).softmax(1)
    q = (student.detach() / temperature).softmax(1)
    expected = weight * temperature**2 * (p * (p / q).log()).sum(1).mean()
    found = LogitKLLoss(temperature, weight)(student, teacher)
    torch.testing.assert_close(found, expected)
    reference = F.kl_div(q.log(), p, reduction='batchmean') * temperature**2
    torch.testing.assert_close(found, weight * reference)
    found.backward()
    torch.testing.assert_close(student.grad, weight * temperature * (q - p) / 5)


def test_logit_kl_defaults_are_the_release_s():
    student, teacher = torch.randn(3, 4), torch.randn(3, 4)
    assert LogitKLLoss()(student, teacher) == LogitKLLoss(4.0, 1.0)(student, teacher)
    assert float(LogitKLLoss()(student, student)) == pytest.approx(0, abs=1e-5)


def test_logit_kl_is_computed_in_float32():
    student, teacher = torch.randn(3, 4).bfloat16(), torch.randn(3, 4).bfloat16()
    found = LogitKLLoss()(student, teacher)
    assert found.dtype == torch.float32
    assert found == LogitKLLoss()(student.float(), teacher.float())


def test_logits_of_other_classes():
    text = (
        'student and teacher logits must have one shape, but got (2, 3) and (2, 4): '
        'logits can only be compared when both models know the same classes'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        LogitKLLoss()(torch.ones(2, 3), torch.ones(2, 4))


@pytest.mark.parametrize(
    'normalize, expected',
    [
        ('rms', 2 * (1 - 0.8)),  # unit vectors (1, 0) and (0.8, 0.6)
        ('spatial', 2 * (1 - 0.8) / 2),
        ('column', ((1 - 1) ** 2 + (0 - 1) ** 2) / 2),
    ],
)
def test_attention_transfer_by_hand(normalize: str, expected: float):
    student = torch.tensor([[1.0, 0.0]]).view(1, 1, 1, 2)
    teacher = torch.tensor([[8.0, 6.0]]).sqrt().view(1, 1, 1, 2).expand(1, 3, 1, 2)
    found = AttentionTransferLoss(normalize)(student, teacher)
    assert float(found) == pytest.approx(expected, rel=1e-6)
    weighted = AttentionTransferLoss(normalize, loss_weight=2.5)(student, teacher)
    assert float(weighted) == pytest.approx(2.5 * expected, rel=1e-6)


@pytest.mark.parametrize('size', [(1, 2), (8, 6)])
def test_attention_transfer_lies_between_0_and_2(size: tuple):
    feature, other = torch.zeros(1, 2, *size), torch.zeros(1, 2, *size)
    feature[..., 0, 0], other[..., 0, 1] = 3, 5
    loss = AttentionTransferLoss()
    assert float(loss(feature, other)) == pytest.approx(2, rel=1e-6)
    assert loss(feature, feature * 9) == pytest.approx(0, abs=1e-12)


def test_attention_transfer_ignores_padding_with_zeros():
    student, teacher = torch.randn(2, 4, 5, 6), torch.randn(2, 3, 5, 6)
    loss = AttentionTransferLoss()
    padded = loss(F.pad(student, (0, 5, 0, 2)), F.pad(teacher, (0, 5, 0, 2)))
    torch.testing.assert_close(padded, loss(student, teacher))


def test_attention_transfer_trains_the_student():
    student, teacher = torch.randn(1, 2, 3, 3).requires_grad_(), torch.randn(1, 2, 3, 3)
    loss = AttentionTransferLoss()
    before = loss(student, teacher)
    before.backward()
    after = loss(student.detach() - 0.1 * student.grad, teacher)
    slope = 0.1 * student.grad.square().sum()
    assert float(before - after) == pytest.approx(float(slope), rel=0.3)


def test_attention_transfer_with_an_unknown_norm():
    text = "normalize must be one of column, spatial, rms, but got 'l1'"
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        AttentionTransferLoss('l1')(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
