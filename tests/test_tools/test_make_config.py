"""Models without a recipe, wrapped by the tool."""

import re
import subprocess
import sys

import pytest
import torch
from doc_blocks import ROOT
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from toys import photos

from tools.make_config import make_config
from tskd_mm.models.loading.model_config import find_model

PAIRS = [
    ('vfnet/vfnet_r50_fpn_1x_coco', 'vfnet/vfnet_r101_fpn_1x_coco'),
    ('tood/tood_r50_fpn_1x_coco', 'ddod/ddod_r50_fpn_1x_coco'),
    ('foveabox/fovea_r50_fpn_4xb4-1x_coco', 'foveabox/fovea_r101_fpn_4xb4-1x_coco'),
    ('paa/paa_r50_fpn_1x_coco', 'paa/paa_r101_fpn_1x_coco'),
    ('pafpn/faster-rcnn_r50_pafpn_1x_coco', 'faster_rcnn/faster-rcnn_r101_fpn_1x_coco'),
    (
        'swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco',
        'regnet/mask-rcnn_regnetx-3.2GF_fpn_1x_coco',
    ),
]


@pytest.mark.parametrize('student, teacher', PAIRS, ids=lambda name: name.split('/')[1])
def test_zoo(student, teacher, tmp_path):
    file = tmp_path / 'config.py'
    file.write_text(make_config(f'mmdet::{student}.py', f'mmdet::{teacher}.py'))
    config = Config.fromfile(file)
    assert config.custom_hooks[-1] == dict(type='TSKDMemoryHook', interval=1)
    init_default_scope('mmdet')
    teacher = find_model(config.model.teacher, 'teacher').config
    for part in (config.model.student, teacher):
        part['backbone']['init_cfg'] = None
    config.model.update(teacher=teacher, teacher_checkpoint=None)
    model = MODELS.build(config.model)
    model.init_weights()
    model.train().memorize(0)
    model.phase = 'review'
    MessageHub.get_current_instance().update_info('epoch', 0)  # a head asks
    data = photos(masks='mask' in student)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 1e-4))
    losses = model.train_step(data, optimizer)
    assert all(torch.isfinite(value) for value in losses.values())
    assert losses['loss_review'] > 0


def test_levels_that_both_have():
    text = make_config(
        'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
        'mmdet::retinanet/retinanet_r101_fpn_1x_coco.py',
    )
    assert '    strides=[8, 16, 32, 64],\n' in text
    assert "    teacher_checkpoint='auto',\n" in text
    assert 'student [4, 8, 16, 32, 64], teacher [8, 16, 32, 64, 128].' in text


def test_a_classifier_is_tapped_at_the_ends_of_its_stages(tmp_path):
    """The teacher is wider and has other names; the pooled norm is no level."""
    student = 'mmpretrain::mobilenet_v3/mobilenet-v3-small_8xb128_in1k.py'
    teacher = 'mmpretrain::convnext/convnext-tiny_32xb128_in1k.py'
    command = [sys.executable, 'tools/make_config.py', student, teacher]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    (tmp_path / 'ours.py').write_text(run)
    model = Config.fromfile(tmp_path / 'ours.py').model  # no line of a log is in it
    assert model.student_taps == [f'backbone.layer{i}' for i in (1, 3, 8, 12)]
    assert model.teacher_taps == [f'backbone.stages.{i}' for i in range(4)]
    assert 'student [2, 4, 8, 16, 32], teacher [4, 8, 16, 32].' in run
    assert 'student [16, 16, 24, 48, 576], teacher [96, 192, 384, 768].' in run


def test_hooks_of_the_student_stay():
    yolox = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'
    text = make_config(yolox, yolox)
    hook = "dict(type='TSKDMemoryHook', interval=5)"
    kept = "*_base_.get('custom_hooks', [])"
    assert text.endswith(f'custom_hooks = [\n    {kept},\n    {hook},\n]\n')
    assert "    teacher_checkpoint='PATH OF THE WEIGHTS',\n" in text


@pytest.mark.parametrize('own', ["['colorsys', 'chunk']", "'colorsys'"])
def test_imports_of_the_student_stay(tmp_path, own):
    base = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'
    student = tmp_path / 'student.py'
    student.write_text(f'_base_ = {base!r}\ncustom_imports = dict(imports={own})\n')
    (tmp_path / 'ours.py').write_text(make_config(str(student), base))
    imports = Config.fromfile(tmp_path / 'ours.py').custom_imports.imports
    assert imports[-1] == 'tskd_mm'
    assert imports[:-1] == ([own[1:-1]] if own[0] == "'" else ['colorsys', 'chunk'])


@pytest.mark.parametrize(
    'student, teacher, lines',
    [
        (
            'faster_rcnn/faster-rcnn_r50-caffe-c4_ms-1x_coco',
            'retinanet/retinanet_r50_fpn_1x_coco',
            "    student_taps=['backbone'],\n    teacher_taps=['neck'],\n",
        ),
        (
            'mask2former/mask2former_r50_8xb2-lsj-50e_coco',
            'mask2former/mask2former_r50_8xb2-lsj-50e_coco',
            "    student_taps=['panoptic_head.pixel_decoder'],\n",
        ),
    ],
)
def test_a_detector_without_a_neck_is_tapped_elsewhere(student, teacher, lines):
    text = make_config(f'mmdet::{student}.py', f'mmdet::{teacher}.py')
    assert lines in text


def test_a_model_without_levels_is_refused(monkeypatch):
    monkeypatch.setattr('tskd_mm.apis.find_levels.PLACES', ('neck', 'head'))
    name = 'mmdet::faster_rcnn/faster-rcnn_r50-caffe-c4_ms-1x_coco.py'
    text = (
        f'{name} has no feature maps at neck, head: name modules with student_taps and '
        'teacher_taps'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        make_config(name, name)
