"""RoIHeadKDLoss against a NumPy form of its equations."""

import numpy as np
import pytest
import torch
from loss_reference import divergence, gradient, softmax

from tskd_mm.models.heads.roi_heads import RoIOutputs
from tskd_mm.models.losses import RoIHeadKDLoss

SETTINGS = dict(cls_weight=3.0, box_weight=0.5, temperature=2.0)


def outputs(*proposals: int, positives: int = 2) -> list[RoIOutputs]:
    """One stage for each number of proposals, of four classes and the background."""
    return [
        RoIOutputs(
            torch.randn(count, 5).double().requires_grad_(),
            torch.randn(min(positives, count), 4).double().requires_grad_(),
        )
        for count in proposals
    ]


def class_part(student: np.ndarray, teacher: np.ndarray) -> float:
    rows = [
        divergence(softmax(t / 2), softmax(s / 2)) for s, t in zip(student, teacher)
    ]
    return 3.0 * 2**2 * float(np.mean(rows))


def test_values_and_gradients_of_two_stages():
    student, teacher = outputs(6, 3), outputs(6, 3)
    found = RoIHeadKDLoss(**SETTINGS)(student, teacher)
    sum(found.values()).backward()
    classes = boxes = 0.0
    for ours, theirs in zip(student, teacher):
        logits, targets = ours.logits.detach().numpy(), theirs.logits.detach().numpy()
        classes += class_part(logits, targets)
        difference = ours.deltas.detach().numpy() - theirs.deltas.detach().numpy()
        boxes += 0.5 * np.abs(difference).sum() / len(logits)
        slopes = gradient(lambda x, t=targets: class_part(x, t), logits)
        np.testing.assert_allclose(ours.logits.grad, slopes, atol=1e-8)
        slopes = 0.5 * np.sign(difference) / len(logits)
        np.testing.assert_allclose(ours.deltas.grad, slopes)
    assert found['cls'].item() == pytest.approx(classes)
    assert found['box'].item() == pytest.approx(boxes)


def test_a_sure_teacher_of_the_background_by_hand():
    """KL(p || uniform of 5) is log 5 where p is one class; no positive, no boxes."""
    student = RoIOutputs(torch.zeros(4, 5), torch.zeros(0, 4))
    teacher = RoIOutputs(torch.tensor([[0.0, 0, 0, 0, 200]] * 4), torch.zeros(0, 4))
    found = RoIHeadKDLoss()([student], [teacher])
    assert found['cls'].item() == pytest.approx(np.log(5))
    assert found['box'] == 0


def test_a_batch_without_a_proposal():
    student = outputs(0, positives=0)
    found = RoIHeadKDLoss()(student, outputs(0, positives=0))
    sum(found.values()).backward()
    assert [*map(float, found.values())] == [0, 0]
    assert student[0].logits.grad.shape == (0, 5)
