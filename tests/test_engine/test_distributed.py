"""Two processes end with what one process ends with."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS
from toys import coco_set, same_tensors, tiny_retinanet

SCRIPT = str(Path(__file__).parents[1] / 'distributed_run.py')
TORCHRUN = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2']


def start(*command: str) -> subprocess.Popen:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture(scope='module')
def states(tmp_path_factory) -> tuple[dict, dict, dict]:
    """What rank 0, rank 1 and a single process ended with."""
    folder = tmp_path_factory.mktemp('distributed')
    coco_set(folder, images=8, size=(96, 96))
    torch.manual_seed(1)
    teacher = MODELS.build(dict(_scope_='mmdet', **tiny_retinanet(width=12)))
    torch.save({'state_dict': teacher.state_dict()}, folder / 'teacher.pth')
    two, one = folder / 'two', folder / 'one'
    two.mkdir(), one.mkdir()
    runs = [
        start(*TORCHRUN, '--master_port=29533', SCRIPT, str(two), '2', 'pytorch'),
        start(sys.executable, SCRIPT, str(one), '4', 'none'),
    ]
    for run in runs:
        output, _ = run.communicate(timeout=300)
        assert run.returncode == 0, output[-3000:]
    files = (two / 'rank0.pth', two / 'rank1.pth', one / 'rank0.pth')
    return tuple(torch.load(file) for file in files)


def test_processes_agree(states):
    first, second, _ = states
    assert first['wrapped']
    assert same_tensors(first['student'], second['student'])
    assert same_tensors(first['review'], second['review'])
    assert list(first['memories']) == list(second['memories']) == [1, 2, 0]
    for slot, memory in first['memories'].items():
        assert same_tensors(memory, second['memories'][slot])


@pytest.mark.parametrize('part', ['student', 'review'])
def test_two_processes_equal_one(states, part):
    first, _, alone = states
    assert not alone['wrapped']
    for name, tensor in alone[part].items():
        torch.testing.assert_close(
            first[part][name], tensor, rtol=1e-3, atol=1e-5, msg=name
        )
