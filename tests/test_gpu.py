"""What needs a GPU: sections of the kit, in processes of their own.

All other tests hide the GPUs from PyTorch (conftest.py).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doc_blocks import ROOT

from tools.analysis_tools.gpu_check.small_data import small_cifar, small_coco

DEVICE = ['--device', 'cuda']
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not [*Path('/dev').glob('nvidia[0-9]*')], reason='there is no NVIDIA GPU'
    ),
]
Rows = dict[str, dict]


@pytest.fixture(scope='module')
def small(shared_data, tmp_path_factory) -> Path:
    """The kit's data."""
    folder = tmp_path_factory.mktemp('small')
    small_coco(shared_data / 'coco_tiny', folder / 'coco')
    cifar = shared_data / 'cifar10_lossless_5k' / 'cifar10_4k_train_1k_test.npz'
    small_cifar(cifar, folder / 'cifar.npz')
    teacher = shared_data / 'cifar10_teachers' / 'resnet56-4bfd9763.th'
    shutil.copy(teacher, folder)
    return folder


def run(section: str, label: str, data: Path, out: Path) -> Rows:
    """The records of a section whose names begin with ``label``, by the rest."""
    command = [sys.executable, '-W', 'ignore', '-m', 'tools.analysis_tools.gpu_check']
    command += [section, '--data', str(data), '--out', str(out), *DEVICE]
    visible = {k: v for k, v in os.environ.items() if k != 'CUDA_VISIBLE_DEVICES'}
    subprocess.run(command, cwd=ROOT, env=visible, check=True)
    records = map(json.loads, (out / 'check.jsonl').read_text().splitlines())
    rows = {
        record['name'].removeprefix(label).strip(): record
        for record in records
        if record['name'].startswith(label)
    }
    assert 'FAILED' not in rows, rows['FAILED']['error']
    return rows


@pytest.mark.parametrize(
    'label',
    [
        'cifar fp32',
        'cifar fp16',
        'cifar bf16',
        'retinanet fp32',
        'retinanet fp16',
    ],
)
def test_a_cycle_and_the_same_after_resuming(label, small, tmp_path):
    rows = run(f'cuda_train:{label.replace(" ", "@")}', label, small, tmp_path)
    assert rows['trained']['review_only_in_review_phase']
    assert rows['trained']['review_epochs'] == [4]
    assert rows['teacher']['equal']
    assert not rows['teacher']['training']
    assert rows['checkpoint']['same_keys_as_plain']
    for part in ('student', 'tskd', 'optimizer'):
        assert rows[f'resumed {part}']['equal'], rows[f'resumed {part}']
    assert rows['resumed losses']['every']
    assert rows['tested']['same_outputs']


def test_one_process_with_nccl(small, tmp_path):
    rows = run('nccl:cifar', 'cifar 1 x nccl', small, tmp_path)
    assert rows['']['wrapper'] == 'MMDistributedDataParallel'
    assert rows['']['backend'] == 'nccl'
    assert rows['']['phases'] == ['memorize', 'review']


@pytest.mark.parametrize('label', ['retinanet fp32', 'retinanet amp'])
def test_memory_of_a_review_step(label, small, tmp_path):
    """It keeps no activations of past students: a fifth more than a general step."""
    peak = run('perf:retinanet', label, small, tmp_path)['']['peak_MB']
    assert peak['TSKD, review'] <= 1.2 * peak['TSKD, general']


def test_a_compiled_training_equals_an_eager_one(small, tmp_path):
    rows = run('compile:cifar', 'cifar', small, tmp_path)
    assert rows['equal']['same_names']
    differences = rows['equal']['largest_relative'].values()
    assert all(d is None or d < 1e-3 for d in differences)
