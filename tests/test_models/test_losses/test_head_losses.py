"""The losses on dense heads, against NumPy loops of their equations."""

import math

import numpy as np
import pytest
import torch
from loss_reference import gradient
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from tskd_mm.models.heads import DenseOutputs
from tskd_mm.models.losses import (
    BCKDLoss,
    CrossKDLoss,
    LDLoss,
    ScoreWeightedL2Loss,
)
from tskd_mm.models.losses.box_overlap import box_iou, generalized_iou
from tskd_mm.models.losses.valuable_region import valuable_region

SIZES = ((2, 3), (1, 2))
N, A, K, R = 2, 2, 3, 5


def random_boxes(*shape: int) -> Tensor:
    corner = torch.rand(shape[0], shape[1], 2, *shape[2:]).double() * 20
    size = torch.rand(shape[0], shape[1], 2, *shape[2:]).double() * 20 + 1
    return torch.cat([corner, corner + size], dim=2)


def random_levels(bins: bool = False) -> list[DenseOutputs]:
    """Two levels of two images."""
    return [
        DenseOutputs(
            logits=torch.randn(N, A, K, *size).double(),
            boxes=random_boxes(N, A, *size),
            bins=torch.randn(N, A, 4, R, *size).double() if bins else None,
        )
        for size in SIZES
    ]


def masks() -> list[Tensor]:
    """Of the second image the last column is padding."""
    found = [torch.ones(N, 1, *size).double() for size in SIZES]
    for mask in found:
        mask[1, :, :, -1] = 0
    return found


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def iou(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """IoU and GIoU of two boxes."""
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    union = sum(areas) - width * height
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    found = width * height / union
    return found, found - (hull - union) / hull


def each_prior(masked: list[Tensor] | None = None, levels: int = 2):
    """Level, and the index of every prior that counts."""
    for level, size in enumerate(SIZES[:levels]):
        for n, a, y, x in np.ndindex(N, A, *size):
            if masked is None or masked[level][n, 0, y, x] > 0:
                yield level, (n, a, slice(None), y, x)


def objects(teacher: list[DenseOutputs], valid: list[Tensor] | None) -> float:
    """The square of the highest score, summed; at least one an image."""
    total = 0.0
    for level, at in each_prior(valid, len(teacher)):
        total += max(map(sigmoid, teacher[level].logits[at].tolist())) ** 2
    return max(total, N)


def bckd(
    student: list[DenseOutputs], teacher: list[DenseOutputs], valid: list[Tensor] | None
) -> tuple[float, float]:
    scores = boxes = 0.0
    for level, at in each_prior(valid, len(teacher)):
        differences = []
        for s, t in zip(student[level].logits[at], teacher[level].logits[at]):
            p, q = sigmoid(s), sigmoid(t)
            entropy = -q * math.log(p) - (1 - q) * math.log(1 - p)
            scores += abs(q - p) * entropy
            differences.append(abs(q - p))
        pair = student[level].boxes[at].numpy(), teacher[level].boxes[at].numpy()
        boxes += max(differences) * (1 - iou(*pair)[0])
    count = objects(teacher, valid)
    return scores / count, 4 * boxes / count


@pytest.mark.parametrize('padded', [False, True])
def test_bckd(padded: bool):
    student, teacher = random_levels(), random_levels()
    valid = masks() if padded else [None] * 2
    found = BCKDLoss()(student, teacher, valid)
    cls, box = bckd(student, teacher, valid if padded else None)
    assert float(found['cls']) == pytest.approx(cls, rel=1e-6)
    assert float(found['box']) == pytest.approx(box, rel=1e-6)
    weighted = BCKDLoss(cls_weight=3, box_weight=2)(student, teacher, valid)
    assert float(weighted['cls']) == pytest.approx(3 * cls, rel=1e-6)
    assert float(weighted['box']) == pytest.approx(box / 2, rel=1e-6)


def test_bckd_by_hand():
    """One prior, one class: p = 1/2 and q = 3/4; boxes that share a third."""
    boxes = [
        torch.tensor(b).double().view(1, 1, 4, 1, 1)
        for b in ([0, 0, 2, 1], [1, 0, 3, 1])
    ]
    logits = [torch.tensor(x).double().view(1, 1, 1, 1, 1) for x in (0, math.log(3))]
    student, teacher = (DenseOutputs(*pair) for pair in zip(logits, boxes))
    found = BCKDLoss()([student], [teacher], [None])
    assert float(found['cls']) == pytest.approx(0.25 * math.log(2))  # of one object
    assert float(found['box']) == pytest.approx(4 * 0.25 * (1 - 1 / 3))


def test_gradients_of_bckd():
    [student, _], [teacher, _] = random_levels(), random_levels()
    logits, boxes = student.logits, student.boxes

    def value(logits: Tensor, boxes: Tensor, part: int) -> float:
        return bckd([DenseOutputs(logits, boxes)], [teacher], None)[part]

    slopes = [
        gradient(lambda x: value(torch.from_numpy(x), boxes, 0), logits.numpy().copy()),
        gradient(lambda x: value(logits, torch.from_numpy(x), 1), boxes.numpy().copy()),
    ]
    own = DenseOutputs(logits.requires_grad_(), boxes.requires_grad_())
    found = BCKDLoss()([own], [teacher], [None])
    [of_scores] = torch.autograd.grad(found['cls'], logits, retain_graph=True)
    [of_boxes] = torch.autograd.grad(found['box'], boxes, retain_graph=True)
    np.testing.assert_allclose(of_scores, slopes[0], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(of_boxes, slopes[1], rtol=1e-4, atol=1e-7)
    # A score nearer to the teacher's is no way to lower the loss of a box.
    [none] = torch.autograd.grad(found['box'], logits, allow_unused=True)
    assert none is None


@pytest.mark.parametrize('overlap', [box_iou, generalized_iou])
@pytest.mark.parametrize(
    'corners', [[3, 4, 9, 6], [3, 4, 3, 6], [3, 4, 3, 4], [5, 5, 2, 2]]
)
def test_equal_boxes_overlap_whole_and_stay(overlap, corners: list):
    """Those without area too, which the host takes for disjoint."""
    box = torch.tensor(corners).double().view(1, 1, 4, 1, 1)
    own = box.clone().requires_grad_()
    found = overlap(own, box)
    found.backward()
    assert float(found) == 1
    assert own.grad.abs().max() < 1e-12


def crosskd(
    student: list[DenseOutputs], teacher: list[DenseOutputs], valid: list[Tensor]
) -> tuple[float, float]:
    scores, boxes = bckd(student, teacher, valid)[0], 0.0
    for level, at in each_prior(valid, len(teacher)):
        weight = max(map(sigmoid, teacher[level].logits[at].tolist())) ** 2
        if teacher[level].bins is None:
            pair = student[level].boxes[at].numpy(), teacher[level].boxes[at].numpy()
            boxes += weight * (1 - iou(*pair)[1])
            continue
        n, a, _, y, x = at
        for side in range(4):
            p, q = (
                np.exp(level_.bins[n, a, side, :, y, x].numpy())
                for level_ in (student[level], teacher[level])
            )
            p, q = p / p.sum(), q / q.sum()
            boxes += weight * (q * np.log(q / p)).sum() / 4
    return scores, boxes / objects(teacher, valid)


@pytest.mark.parametrize('bins', [False, True])
def test_crosskd(bins: bool):
    crossed, teacher = random_levels(bins), random_levels(bins)
    found = CrossKDLoss()(crossed, teacher, masks())
    cls, box = crosskd(crossed, teacher, masks())
    assert float(found['cls']) == pytest.approx(cls, rel=1e-6)
    assert float(found['box']) == pytest.approx(box, rel=1e-5)
    weighted = CrossKDLoss(cls_weight=2, box_weight=3)(crossed, teacher, masks())
    assert float(weighted['cls']) == pytest.approx(2 * cls, rel=1e-6)
    assert float(weighted['box']) == pytest.approx(3 * box, rel=1e-5)


def anchors() -> list[Tensor]:
    """Squares of 16 and 32 pixels around the pixels of two levels, (1, 4, H, W)."""
    found = []
    for stride, cells in ((8, 8), (16, 4)):
        centre = torch.arange(cells).double() * stride
        x, y = centre.expand(cells, cells), centre.view(-1, 1).expand(cells, cells)
        corners = [x - stride, y - stride, x + stride, y + stride]
        found.append(torch.stack(corners).unsqueeze(0))
    return found


def threshold(box: np.ndarray, levels: list[np.ndarray]) -> float:
    """Of ATSS, with loops; anchors (4, P) a level."""
    overlaps = []
    for level in levels:
        boxes = level.T
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        distance = np.hypot(*(centres - (box[:2] + box[2:]) / 2).T)
        nearest = np.argsort(distance, kind='stable')[:9]
        overlaps += [iou(boxes[i], box)[0] for i in nearest]
    return float(np.mean(overlaps) + np.std(overlaps, ddof=1))


def diou(a: np.ndarray, b: np.ndarray) -> float:
    diagonal = np.hypot(
        max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])
    )
    between = np.hypot(*((a[:2] + a[2:]) / 2 - (b[:2] + b[2:]) / 2))
    return iou(a, b)[0] - between**2 / diagonal**2


def edges() -> list[Tensor]:
    """Masks of an image that ends after 5 and 3 columns, (1, H, W)."""
    found = [torch.ones(1, *level.shape[2:]) for level in anchors()]
    found[0][..., 5:], found[1][..., 3:] = 0, 0
    return found


@pytest.mark.parametrize('padded', [False, True])
def test_valuable_region(padded: bool):
    """Anchors in the padding are not part of it, and count for no threshold."""
    boxes = torch.tensor([[9.0, 11, 30, 27], [3, 5, 35, 60]]).double()
    masks = edges() if padded else [torch.ones_like(mask) for mask in edges()]
    valid = masks if padded else [None, None]
    found = valuable_region(anchors(), boxes, 0.25, valid)
    levels = [level[0, :, mask[0] > 0].numpy() for level, mask in zip(anchors(), masks)]
    limits = [threshold(box, levels) for box in boxes.numpy()]
    inside = 0
    for level, mask, region in zip(anchors(), masks, found, strict=True):
        assert region.shape == (1, *level.shape[2:])
        for y, x in np.ndindex(*level.shape[2:]):
            overlaps = [diou(level[0, :, y, x].numpy(), box) for box in boxes.numpy()]
            near = any(0.25 * a <= o <= a for o, a in zip(overlaps, limits))
            assert bool(region[0, y, x]) == (near and mask[0, y, x] > 0)
            inside += bool(region[0, y, x])
    assert 10 < inside < 60
    nothing = valuable_region(anchors(), boxes[:0], 0.25, valid)
    assert [r.shape for r in nothing] == [r.shape for r in found]
    assert not any(r.any() for r in nothing)


def of_one_image(*boxes: list[float]) -> DetDataSample:
    sample = DetDataSample()
    sample.gt_instances = InstanceData(bboxes=torch.tensor(boxes).double().view(-1, 4))
    return sample


def kl(s: np.ndarray, t: np.ndarray, temperature: float) -> float:
    """``T^2 mean_k(q_k log(q_k / p_k))``."""
    p, q = np.exp(s / temperature), np.exp(t / temperature)
    p, q = p / p.sum(), q / q.sum()
    return temperature**2 * float((q * np.log(q / p)).mean())


def gfl_levels() -> list[DenseOutputs]:
    return [
        DenseOutputs(
            torch.randn(N, 1, K, *level.shape[2:]).double(),
            torch.zeros(N, 1, 4, *level.shape[2:]).double(),
            bins=torch.randn(N, 1, 4, R, *level.shape[2:]).double(),
        )
        for level in anchors()
    ]


def assigned_to(*positives: tuple) -> list[Tensor]:
    labels = [
        torch.full((N, *level.shape[:1], *level.shape[2:]), K) for level in anchors()
    ]
    for level, n, y, x, label in positives:
        labels[level][n, 0, y, x] = label
    return labels


BOXES = [[9.0, 11, 30, 27], [35.0, 5, 62, 60]]


def ld(student, teacher, assigned, **options) -> dict[str, Tensor]:
    return LDLoss(**options)(
        student,
        teacher,
        [level.bins for level in student],
        [level.bins for level in teacher],
        assigned,
        anchors(),
        [None, None],
        [of_one_image(*BOXES), of_one_image()],
    )


def test_ld():
    student, teacher = gfl_levels(), gfl_levels()
    positives = [(0, 0, 2, 2, 1), (0, 0, 2, 3, 1), (1, 0, 2, 3, 0)]
    found = ld(student, teacher, assigned_to(*positives))
    region = valuable_region(
        anchors(), torch.tensor(BOXES).double(), 0.25, [None, None]
    )
    main = valuable = cls = 0.0
    for level, shape in enumerate([x.shape[2:] for x in anchors()]):
        for n, y, x in np.ndindex(N, *shape):
            s, t = (
                (each[level].logits[n, 0, :, y, x], each[level].bins[n, 0, :, :, y, x])
                for each in (student, teacher)
            )
            score = max(map(sigmoid, s[0].tolist()))
            sides = zip(s[1].numpy(), t[1].numpy())
            value = score * np.mean([kl(*side, 10) for side in sides])
            if (level, n, y, x) in [positive[:4] for positive in positives]:
                main += value
                cls += kl(s[0].numpy(), t[0].numpy(), 2) / len(positives)
            elif n == 0 and region[level][0, y, x]:  # the second image has no boxes
                valuable += value
    assert float(found['main']) == pytest.approx(0.25 * main, rel=1e-6)
    assert float(found['valuable']) == pytest.approx(0.25 * valuable, rel=1e-6)
    assert float(found['cls']) == pytest.approx(10 * cls, rel=1e-6)
    assert min(main, valuable, cls) > 0


def test_ld_without_objects():
    student, teacher = gfl_levels(), gfl_levels()
    loss = LDLoss()
    bins = [[level.bins for level in levels] for levels in (student, teacher)]
    empty = [of_one_image(), of_one_image()]
    none = [None, None]
    found = loss(student, teacher, *bins, assigned_to(), anchors(), none, empty)
    assert {name: float(value) for name, value in found.items()} == {
        'main': 0,
        'valuable': 0,
        'cls': 0,
    }


def score_weighted(student, teacher, said, valid) -> float:
    total = weights = 0.0
    for level, size in enumerate(SIZES):
        for n, y, x in np.ndindex(N, *size):
            if valid[level][n, 0, y, x] == 0:
                continue
            logits = said[level].logits[n, :, :, y, x].flatten().tolist()
            weight = max(map(sigmoid, logits))
            error = student[level][n, :, y, x] - teacher[level][n, :, y, x]
            total += weight * float((error**2).mean())
            weights += weight
    return total / weights


def test_score_weighted_l2():
    student, teacher = (
        [torch.randn(N, 6, *size).double() for size in SIZES] for _ in range(2)
    )
    said, valid = random_levels(), masks()
    loss = ScoreWeightedL2Loss([6, 6], [6, 6])
    assert not [*loss.parameters()]
    expected = score_weighted(student, teacher, said, valid)
    found = loss(student, teacher, said, valid)
    assert float(found) == pytest.approx(expected, rel=1e-6)
    weighted = ScoreWeightedL2Loss([6], [6], loss_weight=0.3)
    found = weighted(student, teacher, said, valid)
    assert float(found) == pytest.approx(0.3 * expected, rel=1e-6)


def test_score_weighted_l2_between_necks_of_other_widths():
    student = [torch.randn(N, 4, *size).double() for size in SIZES]
    teacher = [torch.randn(N, 6, *size).double() for size in SIZES]
    said, valid = random_levels(), masks()
    loss = ScoreWeightedL2Loss([4, 4], [6, 6]).double()
    [weight, bias] = loss.parameters()
    adapted = [
        torch.einsum('oc,nchw->nohw', weight[:, :, 0, 0], x) + bias[:, None, None]
        for x in student
    ]
    expected = score_weighted([x.detach() for x in adapted], teacher, said, valid)
    found = loss(student, teacher, said, valid)
    assert float(found) == pytest.approx(expected, rel=1e-6)
    found.backward()
    assert weight.grad.abs().sum() > 0
