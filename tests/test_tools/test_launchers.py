"""The launchers hand everything on: to torchrun, or to Slurm's srun."""

import os
import subprocess
from pathlib import Path

import pytest
from doc_blocks import ROOT

TOOLS = ROOT / 'tools'


def launched(folder: Path, script: str, *arguments: str, **variables: str) -> list[str]:
    """The words of the command that a script starts."""
    for name in ('torchrun', 'srun'):
        fake = folder / name
        fake.write_text('#!/bin/sh\necho "$(basename "$0")"\nprintf "%s\\n" "$@"\n')
        fake.chmod(0o755)
    path = {'PATH': f'{folder}:{os.environ["PATH"]}'}
    command = ['bash', str(TOOLS / script), *arguments]
    done = subprocess.run(
        command, env=os.environ | path | variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    'script, arguments, handed_on',
    [
        (
            'train',
            ['a b.py', '4', '--amp'],
            ['a b.py', '--launcher', 'pytorch', '--amp'],
        ),
        (
            'test',
            ['c.py', 'e.pth', '4', '--out', 'o'],
            ['c.py', 'e.pth', '--launcher', 'pytorch', '--out', 'o'],
        ),
    ],
)
def test_dist(tmp_path, script, arguments, handed_on):
    found = launched(tmp_path, f'dist_{script}.sh', *arguments)
    assert found == [
        'torchrun',
        '--nproc_per_node=4',
        '--nnodes=1',
        '--node_rank=0',
        '--master_addr=127.0.0.1',
        '--master_port=29500',
        str(TOOLS / f'{script}.py'),
        *handed_on,
    ]


@pytest.mark.parametrize(
    'script', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test']
)
def test_a_launcher_without_arguments_says_which_it_needs(script):
    command = ['bash', str(TOOLS / f'{script}.sh')]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f'usage: {script}.sh ')


def test_dist_on_several_machines(tmp_path):
    place = {'NNODES': '2', 'NODE_RANK': '1', 'MASTER_ADDR': 'a.b', 'PORT': '7'}
    found = launched(tmp_path, 'dist_train.sh', 'c.py', '8', **place)
    assert found[2:6] == [
        '--nnodes=2',
        '--node_rank=1',
        '--master_addr=a.b',
        '--master_port=7',
    ]


@pytest.mark.parametrize(
    'script, arguments, handed_on',
    [
        ('train', ['c.py', 'out'], ['c.py', '--work-dir', 'out']),
        ('test', ['c.py', 'e.pth'], ['c.py', 'e.pth']),
    ],
)
def test_slurm(tmp_path, script, arguments, handed_on):
    size = {'GPUS': '16', 'GPUS_PER_NODE': '4', 'SRUN_ARGS': '--time 1:00 --exclusive'}
    words = ['part', 'my job', *arguments, '--amp']
    found = launched(tmp_path, f'slurm_{script}.sh', *words, **size)
    assert found == [
        'srun',
        '--partition=part',
        '--job-name=my job',
        '--kill-on-bad-exit=1',
        '--ntasks=16',
        '--ntasks-per-node=4',
        '--gres=gpu:4',
        '--cpus-per-task=5',
        *['--time', '1:00', '--exclusive'],
        *['python', '-u', str(TOOLS / f'{script}.py')],
        *handed_on,
        *['--launcher', 'slurm', '--amp'],
    ]
