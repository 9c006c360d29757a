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
    found = TeacherInput(ours, theirs)(inputs, samples).inputs
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
    assert adapt(inputs, samples).inputs is inputs


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
    found = TeacherInput(ours, theirs)(inputs, samples).inputs
    assert torch.equal(found, _batch(theirs)[0])


@pytest.mark.parametrize(
    'change', [{'mean': [123.675, 116.28, 100.0]}, {'std': [58.395, 57.12, 60.0]}]
)
def test_one_statistic_that_differs_is_adapted(change: dict):
    ours = DetDataPreprocessor(**PYTORCH)
    theirs = DetDataPreprocessor(**PYTORCH | change)
    inputs, samples = _batch(ours)
    found = TeacherInput(ours, theirs)(inputs, samples).inputs
    _assert_close(found, _batch(theirs)[0])
    assert not torch.equal(found, inputs)


@pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16])
def test_the_dtype_stays(dtype: torch.dtype):
    ours, theirs = DetDataPreprocessor(**CAFFE), DetDataPreprocessor(**PYTORCH)
    inputs, samples = _batch(ours)
    found = TeacherInput(ours, theirs)(inputs.to(dtype), samples).inputs
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
    found = TeacherInput(ours, theirs)(inputs, None).inputs
    _assert_close(found, theirs({'inputs': images})['inputs'])


def test_a_classifier_s_equal_preprocessors_pass_the_batch_on():
    config = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], to_rgb=True)
    inputs = torch.rand(2, 3, 4, 4)
    adapt = TeacherInput(ClsDataPreprocessor(**config), ClsDataPreprocessor(**config))
    assert adapt(inputs, None).inputs is inputs


def test_a_detector_learns_from_a_classifier_s_normalisation():
    ours = DetDataPreprocessor(**PYTORCH)
    theirs = ClsDataPreprocessor(
        mean=PYTORCH['mean'], std=PYTORCH['std'], to_rgb=True, pad_size_divisor=32
    )
    inputs, samples = _batch(ours)
    assert TeacherInput(ours, theirs)(inputs, samples).inputs is inputs


@pytest.mark.parametrize('divisors', [(1, 32), (64, 32), (1, 1)])
@pytest.mark.parametrize('student, teacher', [(PYTORCH, PYTORCH), (CAFFE, PYTORCH)])
def test_the_padding_is_the_teacher_s_own(student: dict, teacher: dict, divisors):
    ours, theirs = (
        DetDataPreprocessor(**config | {'pad_size_divisor': divisor, 'pad_value': 3})
        for config, divisor in zip((student, teacher), divisors)
    )
    inputs, samples = _batch(ours)
    expected, own_samples = _batch(theirs)
    found = TeacherInput(ours, theirs)(inputs, samples)
    _assert_close(found.inputs, expected)
    if divisors[0] == divisors[1]:
        assert found.area is None
    else:
        assert found.area == tuple(inputs.shape[-2:])
    for sample, own in zip(found.data_samples, own_samples, strict=True):
        assert sample.batch_input_shape == own.batch_input_shape == expected.shape[-2:]
        assert sample.img_shape == own.img_shape


def test_a_teacher_that_does_not_pad_gets_the_student_s_padding():
    """As RTMDet's preprocessor, whose neck needs sizes that 32 divides."""
    teacher = PYTORCH | dict(pad_size_divisor=1, pad_value=3)
    ours, theirs = DetDataPreprocessor(**CAFFE), DetDataPreprocessor(**teacher)
    inputs, samples = _batch(ours)
    found = TeacherInput(ours, theirs)(inputs, samples)
    padded = DetDataPreprocessor(**teacher | dict(pad_size_divisor=32))
    _assert_close(found.inputs, _batch(padded)[0])
    assert found.area is None
    assert found.data_samples[0].batch_input_shape == inputs.shape[-2:]


def test_the_teacher_s_samples_are_copies_without_annotations():
    ours = DetDataPreprocessor(**PYTORCH | {'pad_size_divisor': 1})
    inputs, samples = _batch(ours)
    before = [sample.clone() for sample in samples]
    found = TeacherInput(ours, DetDataPreprocessor(**PYTORCH))(inputs, samples)
    for copy, sample, old in zip(found.data_samples, samples, before, strict=True):
        assert [*copy.keys()] == []
        assert copy.img_id == sample.img_id
        assert _texts(sample) == _texts(old)
        assert sample.gt_instances is not None
        assert copy.batch_input_shape != sample.batch_input_shape


def _texts(sample: object) -> dict[str, str]:
    """Arrays among the values have no truth of their own."""
    return {name: str(value) for name, value in sample.metainfo.items()}


class _SquarePreprocessor(DetDataPreprocessor):
    """Made up: a user's own class, with a rule under a name of its own."""

    def __init__(self, grain: int, **config: object) -> None:
        super().__init__(**config)
        self.grain = grain

    def forward(self, data: dict, training: bool = False) -> dict:
        data = super().forward(data, training)
        side = -(-max(data['inputs'].shape[-2:]) // self.grain) * self.grain
        height, width = data['inputs'].shape[-2:]
        data['inputs'] = nn.functional.pad(
            data['inputs'], (0, side - width, 0, side - height)
        )
        for sample in data['data_samples']:
            sample.set_metainfo({'batch_input_shape': (side, side)})
        return data


def test_rules_of_a_class_of_the_user_s_own():
    ours = DetDataPreprocessor(**PYTORCH)
    square, coarse = (_SquarePreprocessor(grain=g, **PYTORCH) for g in (50, 80))
    inputs, samples = _batch(ours)
    found = TeacherInput(ours, square)(inputs, samples)
    assert found.inputs.shape[-2:] == (100, 100)
    assert (found.area, found.data_samples[0].batch_input_shape) == (
        (64, 96),
        (100, 100),
    )
    assert TeacherInput(square, square)(*_batch(square)).inputs.shape[-1] == 100
    assert TeacherInput(square, coarse)(*_batch(square)).inputs.shape[-1] == 80 * 2
    inputs, samples = _batch(square)
    twin = _SquarePreprocessor(grain=50, **PYTORCH).eval()
    assert TeacherInput(square, twin)(inputs, samples).inputs is inputs


def test_nothing_is_drawn_for_the_teacher():
    jitter = dict(type='BatchSyncRandomResize', random_size_range=(32, 320), interval=1)
    ours = DetDataPreprocessor(**CAFFE)
    theirs = DetDataPreprocessor(**PYTORCH, batch_augments=[jitter]).train()
    inputs, samples = _batch(ours)
    found = TeacherInput(ours, theirs)(inputs, samples)
    _assert_close(found.inputs, _batch(DetDataPreprocessor(**PYTORCH))[0])


def test_another_size():
    """The batch of 64 x 96 pixels fits into 160 x 192 when it is twice as large."""
    ours, theirs = DetDataPreprocessor(**CAFFE), DetDataPreprocessor(**PYTORCH)
    inputs, samples = _batch(ours)
    for sample in samples:
        sample.set_metainfo({'scale_factor': (0.5, 0.25)})
    found = TeacherInput(ours, theirs, size=(160, 192))(inputs, samples)
    assert found.inputs.shape == (2, 3, 160, 192)
    assert found.area == (128, 192)
    for index, (height, width) in enumerate([(40, 70), (64, 33)]):
        alone = nn.functional.interpolate(
            _batch(theirs)[0][index : index + 1, :, :height, :width],
            scale_factor=2,
            mode='bilinear',
        )
        seen = found.inputs[index]
        _assert_close(seen[:, : 2 * height, : 2 * width], alone[0])
        assert (seen[:, 2 * height :] == 0).all()
        assert (seen[:, :, 2 * width :] == 0).all()
        assert found.data_samples[index].img_shape == (2 * height, 2 * width)
        assert found.data_samples[index].batch_input_shape == (160, 192)
        assert found.data_samples[index].scale_factor == (1.0, 0.5)
        assert samples[index].scale_factor == (0.5, 0.25)


def test_a_batch_of_the_size_that_was_asked_for_passes():
    ours = DetDataPreprocessor(**PYTORCH)
    inputs, samples = _batch(ours)
    adapt = TeacherInput(ours, DetDataPreprocessor(**PYTORCH), size=[64, 96])
    assert adapt(inputs, samples).inputs is inputs


def test_classifiers_of_another_size():
    config = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0])
    ours, theirs = ClsDataPreprocessor(**config), ClsDataPreprocessor(**config)
    inputs = torch.rand(2, 3, 32, 32)
    found = TeacherInput(ours, theirs, size=(224, 224))(inputs, None)
    assert found.inputs.shape == (2, 3, 224, 224)
    assert found.area is None
    assert found.inputs.mean() == pytest.approx(float(inputs.mean()), abs=1e-3)


@pytest.mark.parametrize('channels', [1, 4])
def test_images_of_other_channels(channels: int):
    """Made up: photographs with an infrared channel, and grey ones."""
    images = [torch.randint(0, 256, (channels, 20, 30)).float() for _ in range(2)]
    ours, theirs = (
        DetDataPreprocessor(mean=[m], std=[2.0], pad_size_divisor=d)
        for m, d in ((100.0, 1), (90.0, 16))
    )
    found = TeacherInput(ours, theirs, channels)(
        ours({'inputs': [*images], 'data_samples': None})['inputs'], None
    )
    expected = theirs({'inputs': [*images], 'data_samples': None})['inputs']
    _assert_close(found.inputs, expected)


def test_a_teacher_of_colour_images_sees_grey_ones_in_three_channels():
    grey = torch.randint(0, 256, (1, 16, 16)).float()
    ours = DetDataPreprocessor(mean=[100.0], std=[2.0])
    theirs = DetDataPreprocessor(**PYTORCH)
    found = TeacherInput(ours, theirs, 3)(ours({'inputs': [grey]})['inputs'], None)
    expected = theirs({'inputs': [grey.expand(3, -1, -1)]})['inputs']
    _assert_close(found.inputs, expected)
