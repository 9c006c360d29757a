"""Losses on logits against NumPy forms of their equations."""

import math

import numpy as np
import pytest
import torch
from loss_reference import assert_follows, divergence, softmax
from mmpretrain.structures import DataSample
from refusals import refused

from tskd_mm.models.losses import (
    DISTLoss,
    DKDLoss,
    LogitKLLoss,
    MultiLabelKLLoss,
)

CLASSES = [2, 0, 1]


def samples(classes: list = CLASSES) -> list:
    return [DataSample().set_gt_label(label) for label in classes]


def logits() -> tuple:
    return torch.randn(3, 4) * 3, torch.randn(3, 4) * 3


@pytest.mark.parametrize('temperature', [1.0, 4.0])
@pytest.mark.parametrize('weight', [1.0, 0.3])
def test_kl_follows_its_equation(temperature: float, weight: float):
    student, teacher = logits()
    student.requires_grad_()
    p = (teacher / temperature).softmax(1)
    q = (student.detach() / temperature).softmax(1)
    expected = weight * temperature**2 * (p * (p / q).log()).sum(1).mean()
    found = LogitKLLoss(temperature, weight)(student, teacher)
    torch.testing.assert_close(found, expected)
    found.backward()
    torch.testing.assert_close(student.grad, weight * temperature * (q - p) / 3)


@pytest.mark.parametrize('kind', [LogitKLLoss, DKDLoss, DISTLoss, MultiLabelKLLoss])
def test_precision_is_raised_to_float32_and_double_stays(kind: type):
    extra = [samples()] if kind is DKDLoss else []
    half = [x.bfloat16() for x in logits()]
    assert torch.equal(
        kind()(*half, *extra), kind()(*(x.float() for x in half), *extra)
    )
    student, teacher = (x.double() for x in logits())
    assert torch.autograd.gradcheck(
        lambda x: kind()(x, teacher, *extra), student.requires_grad_()
    )


@pytest.mark.parametrize('loss', [LogitKLLoss(), DKDLoss(), DISTLoss()])
def test_logits_of_other_classes_are_refused(loss):
    text = (
        'student and teacher logits must have one shape, but got (3, 3) and (3, 4): '
        'logits can only be compared when both models know the same classes'
    )
    extra = [samples()] if isinstance(loss, DKDLoss) else []
    with refused(text):
        loss(torch.ones(3, 3), torch.ones(3, 4), *extra)


@pytest.mark.parametrize('temperature, weight', [(2.0, 9.0), (4.0, 1.0)])
def test_standardized_kl_follows_its_equation(temperature: float, weight: float):
    def z(row: np.ndarray) -> np.ndarray:
        return (row - row.mean()) / row.std(ddof=1)

    def equation(student: np.ndarray, teacher: np.ndarray) -> float:
        parts = [
            divergence(softmax(z(t) / temperature), softmax(z(s) / temperature))
            for s, t in zip(student, teacher)
        ]
        return weight * temperature**2 * np.mean(parts)

    loss = LogitKLLoss(temperature, weight, standardize=True)
    assert_follows(loss, equation, *logits())


@pytest.mark.parametrize('a, b, temperature', [(1.0, 8.0, 4.0), (0.5, 2.0, 1.0)])
def test_dkd_follows_its_equation(a: float, b: float, temperature: float):
    def parts(row: np.ndarray, label: int) -> tuple:
        p = softmax(row / temperature)
        others = np.delete(p, label)
        return np.array([p[label], others.sum()]), others / others.sum()

    def equation(student: np.ndarray, teacher: np.ndarray) -> float:
        total = 0.0
        for s, t, label in zip(student, teacher, CLASSES):
            (binary_s, others_s), (binary_t, others_t) = (
                parts(s, label),
                parts(t, label),
            )
            total += a * divergence(binary_t, binary_s)
            total += b * divergence(others_t, others_s)
        return 0.3 * temperature**2 * total / 3

    loss = DKDLoss(a, b, temperature, loss_weight=0.3)
    assert_follows(loss, equation, *logits(), data_samples=samples())


def test_dkd_of_sure_logits_is_finite():
    student = torch.tensor([[200.0, -200.0, 0.0]], requires_grad=True)
    loss = DKDLoss(temperature=1.0)(student, -student.detach(), samples([0]))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(student.grad).all()


@pytest.mark.parametrize(
    'sample, what',
    [
        (DataSample().set_gt_label([0, 1]), '2 classes'),
        (
            DataSample().set_gt_label(1).set_gt_score([1, 0, 0, 0]),
            '1 classes and scores',
        ),
    ],
)
def test_dkd_refuses_mixed_images(sample: DataSample, what: str):
    text = (
        f'DKDLoss needs the one class of every image, but image 1 of the batch has '
        f'{what}: train without mixed images (batch_augments, to_onehot), or use '
        'LogitKLLoss'
    )
    with refused(text):
        DKDLoss()(torch.ones(2, 4), torch.ones(2, 4), [*samples([0]), sample])


@pytest.mark.parametrize('temperature, weight', [(1.0, 2.0), (4.0, 0.5)])
def test_dist_follows_its_equation(temperature: float, weight: float):
    def distance(student: np.ndarray, teacher: np.ndarray) -> float:
        rows = zip(student, teacher)
        return 1 - np.mean([np.corrcoef(*row)[0, 1] for row in rows])

    def equation(student: np.ndarray, teacher: np.ndarray) -> float:
        ours, theirs = (
            np.array([softmax(row / temperature) for row in array])
            for array in (student, teacher)
        )
        inter, intra = distance(ours, theirs), distance(ours.T, theirs.T)
        return weight * temperature**2 * (inter + intra)

    assert_follows(DISTLoss(temperature, weight), equation, *logits())


def test_dist_of_alike_images_is_finite():
    student = torch.zeros(3, 4, requires_grad=True)
    loss = DISTLoss()(student, torch.zeros(3, 4))
    loss.backward()
    assert float(loss) == 4 and torch.isfinite(student.grad).all()


def test_labels_that_do_not_exclude_each_other():
    """Two labels: KL of Bernoulli(1/2) and Bernoulli(1/4), and none."""
    student = torch.tensor([[-math.log(3), 2.0]])
    teacher = torch.tensor([[0.0, 2.0]])
    expected = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert float(MultiLabelKLLoss()(student, teacher)) == pytest.approx(expected)
    for temperature in (2.0, 5.0):
        loss = MultiLabelKLLoss(temperature=temperature, loss_weight=3.0)
        found = loss(student * temperature, teacher * temperature)
        assert float(found) == pytest.approx(3 * temperature**2 * expected, rel=1e-5)
