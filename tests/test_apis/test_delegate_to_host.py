"""The host of a command line is that of its config."""

import re

import pytest
from doc_blocks import ROOT

from tskd_mm.apis import delegate_to_host
from tskd_mm.apis.delegate_to_host import host_of

CONFIGS = ROOT / 'configs' / 'tskd'
DETECTOR = str(CONFIGS / 'retinanet_r101_to_r50_coco.py')
CLASSIFIER = str(CONFIGS / 'resnet56_to_resnet20_cifar100.py')


@pytest.mark.parametrize(
    'arguments, host',
    [
        ([DETECTOR, '--amp'], 'mmdet'),
        (['--work-dir', 'out', CLASSIFIER, 'epoch_1.pth'], 'mmpretrain'),
        (['--cfg-options', 'model.teacher=mine.py', '--amp', CLASSIFIER], 'mmpretrain'),
    ],
)
def test_host_of_a_config(arguments: list[str], host: str):
    assert host_of(arguments) == host


def test_a_folder_with_an_equals_sign(tmp_path):
    config = tmp_path / 'lr=0.1' / 'config.py'
    config.parent.mkdir()
    config.write_text("default_scope = 'mmpretrain'\n")
    assert host_of([str(config)]) == 'mmpretrain'


@pytest.mark.parametrize(
    'installed, host',
    [
        ({'mmdet', 'mmpretrain'}, 'mmdet'),
        ({'mmdet'}, 'mmdet'),
        ({'mmpretrain'}, 'mmpretrain'),
    ],
)
def test_help_is_that_of_an_installed_host(monkeypatch, installed: set, host: str):
    monkeypatch.setattr(delegate_to_host, 'find_spec', lambda n: n in installed or None)
    assert host_of(['--help']) == host


def test_no_such_config():
    with pytest.raises(SystemExit, match=r'^there is no config file no\.py$'):
        host_of(['no.py'])


def test_a_config_of_neither(tmp_path):
    (tmp_path / 'config.py').write_text("default_scope = 'mmseg'\n")
    text = (
        'config.py: default_scope must be one of mmdet, mmpretrain, but got '
        "'mmseg': use the tools of the package it belongs to$"
    )
    with pytest.raises(SystemExit, match=text):
        host_of([str(tmp_path / 'config.py')])


LAZY = """\
from mmdet.datasets import CocoDataset
from mmdet.models import RetinaNet
from mmpretrain.datasets import CIFAR10
from tskd_mm.models import TSKDDistiller

default_scope = None
model = dict(type=TSKDDistiller, student={student})
train_dataloader = dict(dataset=dict(type={dataset}))
"""


@pytest.mark.parametrize(
    'student, dataset, host',
    [
        ('dict(type=RetinaNet)', 'CocoDataset', 'mmdet'),
        ("'mmpretrain::resnet/resnet18_8xb16_cifar10.py'", 'CIFAR10', 'mmpretrain'),
        ("dict(type='mmpretrain.ImageClassifier')", 'CIFAR10', 'mmpretrain'),
        ("'my_student.py'", 'CIFAR10', 'mmpretrain'),
    ],
)
def test_a_config_of_classes_needs_no_scope(tmp_path, student, dataset, host):
    file = tmp_path / 'config.py'
    file.write_text(LAZY.format(student=student, dataset=dataset))
    assert host_of([str(file)]) == host


def test_a_config_without_any_sign_of_a_host(tmp_path):
    (tmp_path / 'config.py').write_text('train_cfg = dict(max_epochs=3)\n')
    with pytest.raises(SystemExit, match='one of mmdet, mmpretrain, but got None'):
        host_of([str(tmp_path / 'config.py')])


def test_mixed_precision_without_a_gpu(monkeypatch):
    monkeypatch.setattr('sys.argv', ['train.py', DETECTOR, '--amp'])
    text = (
        '--amp trains in mixed precision, which mmengine has for GPUs (cuda, npu, mlu, '
        "musa), but PyTorch found only 'cpu' here: leave --amp out"
    )
    with pytest.raises(SystemExit, match=f'^{re.escape(text)}$'):
        delegate_to_host.delegate_to_host('train.py')


def test_mixed_precision_on_a_gpu_is_the_host_s(monkeypatch):
    ran: list[str] = []
    monkeypatch.setattr(delegate_to_host, 'get_device', lambda: 'cuda')
    monkeypatch.setattr(
        delegate_to_host.runpy, 'run_path', lambda p, **_: ran.append(p)
    )
    monkeypatch.setattr('sys.argv', ['train.py', DETECTOR, '--amp'])
    delegate_to_host.delegate_to_host('train.py')
    assert len(ran) == 1
    assert ran[0].endswith('mmdet/.mim/tools/train.py')
