"""The kit for machines with a GPU: its stand-ins compute the right numbers."""

import json
import runpy

import numpy as np
import pytest
import torch
from doc_blocks import ROOT
from torchvision.ops import nms, roi_align, sigmoid_focal_loss

from tools.analysis_tools.gpu_check.check import Check, difference, tensors_in
from tools.analysis_tools.gpu_check.small_data import small_cifar, small_coco

KIT = ROOT / 'tools' / 'analysis_tools' / 'gpu_check'


@pytest.fixture(scope='module')
def operators() -> dict:
    return runpy.run_path(str(KIT / 'stand_in' / 'mmcv' / '_ext.py'))


@pytest.mark.parametrize('gamma, alpha', [(2.0, 0.25), (1.5, 0.4)])
def test_focal_loss(operators, gamma, alpha):
    logits = (4 * torch.randn(50, 7)).requires_grad_()
    target = torch.randint(0, 8, (50,))  # 7 is background
    hot = torch.nn.functional.one_hot(target, 8)[:, :7].float()
    expected = sigmoid_focal_loss(logits, hot, alpha, gamma)
    gradient = torch.autograd.grad(expected.sum(), logits)[0]
    for name, value in (('forward', expected), ('backward', gradient)):
        found = torch.full_like(logits, float('nan')).detach()
        operators[f'sigmoid_focal_loss_{name}'](
            logits.detach(), target, torch.empty(0), found, gamma=gamma, alpha=alpha
        )
        torch.testing.assert_close(found, value.detach(), rtol=1e-4, atol=1e-6)


def test_nms(operators):
    boxes = torch.rand(200, 4) * 50
    boxes[:, 2:] += boxes[:, :2]
    scores = torch.rand(200)
    assert torch.equal(operators['nms'](boxes, scores, 0.5, 0), nms(boxes, scores, 0.5))
    assert operators['nms'](boxes[:0], scores[:0], 0.5).dtype is torch.long


def test_roi_align(operators):
    image = torch.randn(2, 4, 16, 16, requires_grad=True)
    rois = torch.tensor([[0, 1.0, 2, 30, 45], [1, 0, 0, 63, 63]])
    expected = roi_align(image, rois, 7, 0.25, 0, True)
    weights = torch.randn_like(expected)
    gradient = torch.autograd.grad((expected * weights).sum(), image)[0]
    found, back = torch.empty_like(expected), torch.empty_like(image)
    nothing = torch.empty(0)
    settings = (7, 7, 0.25, 0, 1, True)
    operators['roi_align_forward'](
        image.detach(), rois, found, nothing, nothing, *settings
    )
    operators['roi_align_backward'](weights, rois, nothing, nothing, back, *settings)
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(back, gradient)


def test_an_operator_without_stand_in(operators):
    message = r'^mmcv._ext.deform_conv_forward has no stand-in$'
    with pytest.raises(NotImplementedError, match=message):
        operators['__getattr__']('deform_conv_forward')()


def test_differences_by_value():
    a = tensors_in({'x': [torch.tensor([1.0, 2.0])], 'y': {'z': torch.ones(2)}, 'n': 3})
    assert [*a] == ['/x/0', '/y/z']
    assert difference(a, a) == {'equal': True, 'differing': 0, 'largest': 0}
    b = a | {'/x/0': torch.tensor([1.0, 2.5])}
    assert difference(a, b) == {'equal': False, 'differing': 1, 'largest': 0.5}
    assert difference(a, {}) == {'equal': False, 'keys': ['/x/0', '/y/z']}


def test_a_failure_is_written_down_and_others_go_on(tmp_path):
    check = Check('cpu', True, tmp_path, tmp_path, tmp_path, 'perf')
    with check.guard('one'):
        raise ValueError('no such luck')
    with check.guard('two'):
        check.record('found', loss=0.5)
    lines = (tmp_path / 'check.jsonl').read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row['name'] for row in rows] == ['one FAILED', 'found', 'two done']
    assert rows[0]['error'] == 'ValueError: no such luck'
    assert rows[1] == {'section': 'perf', 'name': 'found', 'loss': 0.5}


def test_small_data(shared_data, tmp_path):
    small_coco(shared_data / 'coco_tiny', tmp_path / 'coco')
    for split, count in (('train2017', 16), ('val2017', 8)):
        name = f'annotations/instances_{split}.json'
        content = json.loads((tmp_path / 'coco' / name).read_text())
        images = {image['file_name'] for image in content['images']}
        assert len(images) == count
        assert images == {p.name for p in (tmp_path / 'coco' / split).iterdir()}
    source = shared_data / 'cifar10_lossless_5k' / 'cifar10_4k_train_1k_test.npz'
    small_cifar(source, tmp_path / 'cifar.npz')
    with np.load(tmp_path / 'cifar.npz') as arrays:
        assert arrays['x_train'].shape == (400, 32, 32, 3)
        assert len(arrays['y_test']) == 100
