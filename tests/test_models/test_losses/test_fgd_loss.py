"""FGD against a NumPy form of its equations; its boxes by hand."""

import numpy as np
import pytest
import torch
from loss_reference import assert_follows, convolve, shake, softmax
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.structures import InstanceData
from mmpretrain.structures import DataSample
from refusals import refused

from tskd_mm.models.losses import FGDLoss
from tskd_mm.models.losses.box_masks import box_masks
from tskd_mm.models.losses.fgd_loss import GlobalContext

BOXES = [[[0, 0, 8, 8], [4, 4, 15, 24]], [[1, 9, 2, 12]]]
VALID = torch.ones(2, 1, 5, 4)
VALID[1, :, 3:], VALID[1, :, :, 3:] = 0, 0


def samples(boxes: list, size: tuple = (40, 32)) -> list:
    found = []
    for image in boxes:
        sample = DetDataSample(metainfo={'batch_input_shape': size})
        bboxes = torch.tensor(image, dtype=torch.float32).view(-1, 4)
        sample.gt_instances = InstanceData(bboxes=bboxes)
        found.append(sample)
    return found


def test_masks_of_boxes_by_hand():
    """40x32 pixels on 5x4 cells of 8 pixels; the smaller of two boxes wins."""
    foreground, background = box_masks(samples(BOXES), torch.zeros(2, 3, 5, 4), VALID)
    expected = torch.zeros(5, 4)
    expected[:3, :2], expected[0, 0] = 1 / 6, 1
    torch.testing.assert_close(foreground[0, 0], expected)
    torch.testing.assert_close(background[0, 0], (foreground[0, 0] == 0) / 14)
    expected = torch.zeros(5, 4)
    expected[1, 0] = 1
    torch.testing.assert_close(foreground[1, 0], expected)
    expected = VALID[1, 0] / 8
    expected[1, 0] = 0
    torch.testing.assert_close(background[1, 0], expected)


@pytest.mark.parametrize(
    'box, rows, columns',
    [
        ([0, 0, 32, 40], [0, 1, 2, 3, 4], [0, 1, 2, 3]),
        ([8, 8, 16, 16], [1], [1]),  # edges belong to the cell they close
        ([7, 7, 17, 17], [0, 1, 2], [0, 1, 2]),
        ([8, 8, 8, 8], [1], [1]),  # no area
        ([32, 40, 32, 40], [4], [3]),  # on the image's edge
    ],
)
def test_a_box_has_the_cells_that_it_touches(box: list, rows: list, columns: list):
    foreground, _ = box_masks(samples([[box]]), torch.zeros(1, 1, 5, 4))
    expected = torch.zeros(5, 4)
    for row in rows:
        expected[row, columns] = 1 / (len(rows) * len(columns))
    torch.testing.assert_close(foreground[0, 0], expected)


def test_images_without_boxes_are_background():
    foreground, background = box_masks(samples([[]]), torch.zeros(1, 1, 5, 4))
    assert (foreground == 0).all() and (background == 1 / 20).all()


def test_mmdet_s_own_box_structures_are_taken():
    plain, boxed = samples(BOXES), samples(BOXES)
    for sample in boxed:
        sample.gt_instances.bboxes = HorizontalBoxes(sample.gt_instances.bboxes)
    like = torch.zeros(2, 1, 5, 4)
    assert torch.equal(box_masks(plain, like)[0], box_masks(boxed, like)[0])


def test_samples_without_boxes_are_refused():
    text = (
        'a loss needs the boxes of the objects (gt_instances.bboxes), but a DataSample '
        'of the batch has none: use FGDLoss and LDLoss with detectors alone'
    )
    with refused(text):
        FGDLoss(2)(*torch.ones(2, 1, 2, 4, 4), [DataSample()])


def context(image: np.ndarray, pixels: np.ndarray, block: GlobalContext) -> np.ndarray:
    scores = convolve(image, block.attend)[0]
    weights = softmax(scores[pixels])
    seen = (image[:, pixels] * weights).sum(1)[:, None, None]
    hidden = convolve(seen, block.transform[0])
    norm = block.transform[1]
    hidden = (hidden - hidden.mean()) / np.sqrt(hidden.var() + norm.eps)
    hidden = hidden * norm.weight.detach().numpy() + norm.bias.detach().numpy()
    return image + convolve(np.maximum(hidden, 0), block.transform[3])


def attention(image: np.ndarray, pixels: np.ndarray) -> tuple:
    strength = np.abs(image)
    where = np.zeros(image.shape[1:])
    where[pixels] = softmax(strength.mean(0)[pixels] / 0.5) * pixels.sum()
    return where, softmax(strength[:, pixels].mean(1) / 0.5) * len(image)


@pytest.mark.parametrize('valid', [None, VALID], ids=['all', 'padded'])
def test_fgd_follows_its_equation(valid):
    weights = [0.2, 3.0, 0.5, 0.03]  # terms of one size
    loss = shake(FGDLoss(4, 0.5, *weights))
    masks = (torch.ones_like(VALID) if valid is None else valid)[:, 0].numpy() > 0
    objects = box_masks(samples(BOXES), VALID, valid)
    foreground, background = (mask[:, 0].double().numpy() for mask in objects)

    def equation(student: np.ndarray, teacher: np.ndarray) -> float:
        terms = np.zeros(4)
        for i, (s, t, mask) in enumerate(zip(student, teacher, masks)):
            (own_where, own_what), (where, what) = (
                attention(s, mask),
                attention(t, mask),
            )
            error = ((s - t) ** 2 * where * what[:, None, None]).sum(0)
            terms[0] += (error * foreground[i]).sum()
            terms[1] += (error * background[i]).sum()
            terms[2] += np.abs(own_where - where).sum() + np.abs(own_what - what).sum()
            gap = context(s, mask, loss.student_context)
            gap = gap - context(t, mask, loss.teacher_context)
            terms[3] += (gap[:, mask] ** 2).sum()
        return float(terms @ weights) / 2

    student, teacher = torch.randn(2, 4, 5, 4), torch.randn(2, 4, 5, 4)
    if valid is not None:
        student, teacher = student * valid, teacher * valid
    data = samples(BOXES)
    assert_follows(loss, equation, student, teacher, data_samples=data, valid=valid)


def test_the_context_starts_as_the_identity():
    feature = torch.randn(2, 4, 5, 4)
    assert torch.equal(GlobalContext(4)(feature), feature)
