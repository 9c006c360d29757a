"""The teacher sees the batch as its own preprocessor would have made it."""

import pytest
import torch
from mmdet.models import DetDataPreprocessor
from mmdet.testing import demo_mm_inputs
from mmpretrain.models.utils import ClsDataPreprocessor
from torch import Tensor, nn

from tskd_mm.models.teacher.teacher_input import TeacherInput

CAFFE = dict(mean=[103.53, 116.28, 123.675], std=[1.0] * 3, pad_size_divisor=32)
PYTORCH = dict(
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_size_divisor=32,
)
RAW = dict(pad_size_divisor=32)  # as YOLOX
RAW_RGB = dict(bgr_to_rgb=True, pad_size_divisor=32)
SHAPES = [(3, 40, 70), (3, 64, 33)]


def _batch(preprocessor: nn.Module) -> tuple[Tensor, list]:
    batch = preprocessor(demo_mm_inputs(len(SHAPES), SHAPES, num_classes=3))
    return batch['inputs'], batch['data_samples']


def _assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(
        found, expected, rtol=0, atol=1e-5 * float(expected.abs().max())
    )


@pytest.mark.parametrize('pads', [(0, 0), (0, 3.5), (-2, 114)])
@pytest.mark.parametrize(
    'student, teacher',
    [
        pytest.param(CAFFE, PYTORCH, id='caffe to pytorch'),
        pytest.param(PYTORCH, CAFFE, id='pytorch to caffe'),
        pytest.param(RAW, PYTORCH, id='raw to pytorch'),
        pytest.param(PYTORCH, RAW, id='pytorch to raw'),
        pytest.param(RAW, RAW_RGB, id='raw BGR to RGB'),
        pytest.param(CAFFE, RAW_RGB, id='caffe to raw RGB'),
        pytest.param(RAW, CAFFE, id='raw to caffe'),
    ],
)
def test_the_batch_is_the_teacher_s_own(student: dict, teacher: dict, pads: tuple):
    ours = DetDataPreprocessor(**student, pad_value=pads[0])
    theirs = DetDataPreprocessor(**teacher, pad_value=pads[1])
    inputs, samples = _batch(ours)
    before = inputs.clone()
    found = TeacherInput(ours, theirs)(inputs, samples)
    assert inputs.shape == (2, 3, 64, 96)
    _assert_close(found, _batch(theirs)[0])
    assert torch.equal(inputs, before)
    assert (found[0, :, 40:] == pads[1]).all() and (
        found[0, :, :, 70:] == pads[1]
    ).all()
    assert (found[1, :, :, 33:] == pads[1]).all()


@pytest.mark.parametrize('config', [CAFFE, PYTORCH, RAW, RAW_RGB])
def test_equal_preprocessors_pass_the_batch_on(config: dict):
    inputs, samples = _batch(DetDataPreprocessor(**config))
    adapt = TeacherInput(DetDataPreprocessor(**config), DetDataPreprocessor(**config))
    assert adapt(inputs, samples) is inputs


CIFAR = dict(mean=[125.307, 122.961, 113.8575], std=[51.6, 50.8, 51.3])


@pytest.mark.parametrize(
    'student, teacher, doubtful',
    [
        # Files, and a teacher of images that were RGB in memory: one order of means.
        (CIFAR | {'to_rgb': True}, CIFAR | {'to_rgb': False}, True),
        (CIFAR | {'to_rgb': False}, CIFAR | {'to_rgb': True}, True),
        (CIFAR | {'to_rgb': True}, CIFAR | {'to_rgb': True}, False),
        (CIFAR | {'to_rgb': True}, CIFAR | {'mean': CIFAR['mean'][::-1]}, False),
        (dict(mean=[127.5] * 3, std=[127.5] * 3), CIFAR | {'to_rgb': True}, False),
        (
            dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
            dict(mean=[127.5] * 3, std=[127.5] * 3),
            False,
        ),
    ],
)
def test_channels_that_contradict_the_means(student, teacher, doubtful):
    parts = ClsDataPreprocessor(**student), ClsDataPreprocessor(**teacher)
    assert TeacherInput(*parts).doubtful is doubtful


def test_a_padding_that_differs_is_replaced():
    ours, theirs = (DetDataPreprocessor(**PYTORCH, pad_value=v) for v in (0, 9))
    inputs, samples = _batch(ours)
    found = TeacherInput(ours, theirs)(inputs, samples)
    assert torch.equal(found, _batch(theirs)[0])


@pytest.mark.parametrize(
    'change', [{'mean': [123.675, 116.28, 100.0]}, {'std': [58.395, 57.12, 60.0]}]
)
def test_one_statistic_that_differs_is_adapted(change: dict):
    ours = DetDataPreprocessor(**PYTORCH)
    theirs = DetDataPreprocessor(**PYTORCH | change)
    inputs, samples = _batch(ours)
    found = TeacherInput(ours, theirs)(inputs, samples)
    _assert_close(found, _batch(theirs)[0])
    assert not torch.equal(found, inputs)


@pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16])
def test_the_dtype_stays(dtype: torch.dtype):
    ours, theirs = DetDataPreprocessor(**CAFFE), DetDataPreprocessor(**PYTORCH)
    inputs, samples = _batch(ours)
    found = TeacherInput(ours, theirs)(inputs.to(dtype), samples)
    assert found.dtype == dtype
    tolerance = 0.05 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(found.float(), _batch(theirs)[0], rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    'student, teacher',
    [
        (dict(to_rgb=True, mean=[125.3, 123.0, 113.9], std=[51.6, 50.8, 51.3]), {}),
        ({}, dict(to_rgb=True, mean=[125.3, 123.0, 113.9], std=[51.6, 50.8, 51.3])),
        (dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0]), dict(to_rgb=True)),
    ],
)
def test_a_classifier_s_batch_is_the_teacher_s_own(student: dict, teacher: dict):
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    ours, theirs = ClsDataPreprocessor(**student), ClsDataPreprocessor(**teacher)
    inputs = ours({'inputs': images})['inputs']
    found = TeacherInput(ours, theirs)(inputs, None)
    _assert_close(found, theirs({'inputs': images})['inputs'])


def test_a_classifier_s_equal_preprocessors_pass_the_batch_on():
    config = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], to_rgb=True)
    inputs = torch.rand(2, 3, 4, 4)
    adapt = TeacherInput(ClsDataPreprocessor(**config), ClsDataPreprocessor(**config))
    assert adapt(inputs, None) is inputs


def test_a_detector_learns_from_a_classifier_s_normalisation():
    ours = DetDataPreprocessor(**PYTORCH)
    theirs = ClsDataPreprocessor(mean=PYTORCH['mean'], std=PYTORCH['std'], to_rgb=True)
    inputs, samples = _batch(ours)
    assert TeacherInput(ours, theirs)(inputs, samples) is inputs
