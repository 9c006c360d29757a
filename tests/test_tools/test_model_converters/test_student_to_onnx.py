"""Students in ONNX say what they say in PyTorch."""

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS
from user_files import user_classifier

from tools.model_converters import student_to_onnx
from tools.model_converters.student_to_onnx import (
    deploy_config,
    differences,
    export,
    run_in_onnx,
)
from tskd_mm.models.loading.model_config import find_model

MISSING = 'install mmdeploy, onnx and onnxruntime (docs/after_training.md)'


@pytest.fixture
def mmdeploy(tmp_path, monkeypatch) -> None:
    """MMDeploy and its runtime, in a folder for what they write."""
    pytest.importorskip('mmdeploy', reason=MISSING)
    pytest.importorskip('onnxruntime', reason=MISSING)
    monkeypatch.chdir(tmp_path)


def test_without_mmdeploy_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(student_to_onnx, 'find_spec', lambda name: name == 'onnx')
    message = (
        'the export needs mmdeploy, onnxruntime: run pip install mmdeploy==1.3.1 '
        'onnx==1.14.1 onnxruntime==1.16.3'
    )
    with pytest.raises(SystemExit, match=f'^{message}$'):
        export('config.py', 'a.pth', 'image.jpg', 'student.onnx')


@pytest.mark.slow
@pytest.mark.usefixtures('mmdeploy')
def test_a_trained_detector_says_the_same(tmp_path, shared_data):
    config = tmp_path / 'my_detector.py'
    config.write_text("_base_ = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'\n")
    weights = shared_data / 'yolox_nano_coco' / 'yolox_nano_coco_mmdet3.pth'
    image = min((shared_data / 'coco_tiny' / 'val2017').glob('*.jpg'))
    out = str(tmp_path / 'student.onnx')
    difference, count = export(str(config), str(weights), str(image), out)
    assert difference < 1e-2  # of a pixel
    assert count >= 50
    batch = np.random.default_rng(0).normal(size=(2, 3, 416, 416))
    assert all(len(x) == 2 for x in run_in_onnx(out, batch.astype(np.float32)))


@pytest.mark.slow
@pytest.mark.usefixtures('mmdeploy')
def test_a_classifier_says_the_same(tmp_path):
    user_classifier(tmp_path)
    config = tmp_path / 'my_classifier.py'
    weights = MODELS.build(find_model(config, 'student').config).state_dict()
    torch.save({'state_dict': weights}, tmp_path / 'student.pth')
    image = next((tmp_path / 'pictures').rglob('*.png'))
    files = config, tmp_path / 'student.pth', image, tmp_path / 'student.onnx'
    difference, count = export(*map(str, files))
    assert difference < 1e-5
    assert count == 2
    batch = np.random.default_rng(0).normal(size=(3, 3, 32, 32))
    [found] = run_in_onnx(str(files[-1]), batch.astype(np.float32))
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    assert len(found) == 3


@pytest.mark.parametrize('host', ['mmdet', 'mmpretrain'])
def test_the_deployment_names_what_comes_out(host: str):
    config = deploy_config(host)
    names = ['dets', 'labels'] if host == 'mmdet' else ['output']
    assert config.onnx_config.output_names == names
    assert {*config.onnx_config.dynamic_axes} == {'input', *names}
    assert config.codebase_config.type == host


def test_boxes_are_compared_with_the_nearest_of_their_class():
    expected = [[[0, 0, 4, 4, 0.9], [1, 1, 5, 5, 0.8], [9, 9, 9, 9, 0.7]]], [[0, 1, 2]]
    found = [[[1, 1, 5, 5.5, 0.8], [0, 0, 4, 4, 0.9], [0, 0, 4, 4, 0.3]]], [[1, 0, 1]]
    as_arrays = [[np.array(x) for x in y] for y in (found, expected)]
    np.testing.assert_array_equal(differences(*as_arrays), [0, 0.5, np.inf])


def test_boxes_below_the_limit_of_the_deployment_are_not_compared():
    boxes = np.tile([0, 0, 4, 4, 0.5], (1, 101, 1))
    boxes[0, 100, 4] = 0.1
    labels = np.zeros((1, 101))
    boxes[0, :, 3] += np.linspace(0, 1, 101)
    found = [boxes[:, :100], labels[:, :100]]
    found[0][0, 99, 4] = 0.2
    gaps = differences(found, [boxes, labels])
    np.testing.assert_array_equal(gaps, np.zeros(99))
