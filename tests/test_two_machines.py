"""The command of docs/long_runs.md for two machines, by loopback on one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from doc_blocks import ROOT, commands
from mmengine.config import Config
from mmengine.registry import MODELS
from processes import finish, free_port
from toys import coco_set, load_whole, run_config, same_tensors, scalars, tiny_retinanet

pytestmark = pytest.mark.distributed
COMMANDS = commands('long_runs.md', 'Two machines')
EPOCHS = 4


def write_config(folder: Path) -> None:
    """On eight images; the last epoch is a review."""
    (folder / 'images').mkdir()
    config = run_config(folder, coco_set(folder / 'images', images=8), epochs=EPOCHS)
    torch.manual_seed(1)
    teacher = MODELS.build(dict(_scope_='mmdet', **tiny_retinanet(width=12)))
    torch.save({'state_dict': teacher.state_dict()}, folder / 'teacher.pth')
    config.model.teacher_checkpoint = 'teacher.pth'
    # Its default asks for one GPU a process.
    config.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
    config.custom_hooks.append(dict(type='SaveRank'))
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    del config['work_dir'], config['experiment_name']
    config.custom_imports = dict(imports=['tskd_mm', 'toys', 'gloo_rank'])
    Config(config).dump(folder / 'my_tskd_config.py')


def start(folder: Path, words: list[str], port: int) -> subprocess.Popen:
    """A command of the page on the CPU: one process, and a disk of its own."""
    *places, bash, script, config, gpus = words
    assert (gpus, places[2]) == ('8', 'MASTER_ADDR=10.0.0.1')
    variables = dict(place.split('=') for place in places)
    machine = f'machine{variables["NODE_RANK"]}'
    scripts = Path(sys.executable).parent
    variables |= {
        'MASTER_ADDR': '127.0.0.1',
        'PORT': str(port),
        'PATH': f'{scripts}:{os.environ["PATH"]}',
        'PYTHONPATH': f'{ROOT}:{ROOT / "tests" / "helpers"}',
        'OMP_NUM_THREADS': '1',
    }
    command = [bash, str(ROOT / script), config, '1', '--work-dir', machine]
    with (folder / f'{machine}.log').open('w') as log:
        return subprocess.Popen(
            command, cwd=folder, env=os.environ | variables, stdout=log, stderr=log
        )


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """Where both machines have trained."""
    folder = tmp_path_factory.mktemp('machines')
    write_config(folder)
    port = free_port()
    logs = (folder / f'machine{rank}.log' for rank in (0, 1))
    finish({log: start(folder, words, port) for log, words in zip(logs, COMMANDS)})
    return folder


def test_both_end_with_the_weights_of_the_checkpoint(folder):
    first, second = (load_whole(folder / f'rank{rank}.pth') for rank in (0, 1))
    saved = load_whole(folder / 'machine0' / f'epoch_{EPOCHS}.pth')
    assert same_tensors(first['student'], second['student'])
    assert same_tensors(first['student'], saved['state_dict'])
    start = load_whole(folder / 'machine0' / 'epoch_1.pth')
    assert not same_tensors(start['state_dict'], saved['state_dict'])


def test_each_trains_on_its_half_of_the_images(folder):
    """Eight images, two in a batch."""
    assert [load_whole(folder / f'rank{r}.pth')['batches'] for r in (0, 1)] == [2, 2]


def test_the_first_alone_writes_checkpoints_and_the_log(folder):
    files = {str(path.relative_to(folder)) for path in folder.glob('machine?/*.pth')}
    assert files == {f'machine0/epoch_{epoch + 1}.pth' for epoch in range(EPOCHS)}
    rows = scalars(folder / 'machine0')
    assert {r['epoch'] for r in rows if 'loss_review' in r} == {EPOCHS}
    assert all('loss_pkd' in row for row in rows)
