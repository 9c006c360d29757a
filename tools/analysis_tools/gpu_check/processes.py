"""Section ``nccl``: several processes, with NCCL and with Gloo, on one GPU."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .check import ROOT, Check
from .small_trainings import small_training

LIMIT = 120  # seconds of a training
GROUPS = ((1, 'nccl'), (2, 'nccl'), (2, 'gloo'))


def processes(check: Check, names: list[str]) -> None:
    """Train in one or two processes, and compare their weights at the end."""
    if not check.on_gpu:
        raise ValueError(
            'mmengine starts several processes on GPUs only: '
            'run it on a machine with one'
        )
    for name in names or ('cifar', 'retinanet'):
        batch = 64 if name == 'cifar' else 2
        config = small_training(check, name, 0, batch).config
        config.train_cfg.val_interval = 100
        config.randomness = {'seed': 0}
        log = 'tools.analysis_tools.gpu_check.step_log'
        config.custom_imports = {'imports': ['tskd_mm', log]}
        for count, backend in GROUPS:
            label = f'{name} {count} x {backend}'
            with check.guard(label):
                _train(check, label, config, count, backend)


def _train(check: Check, label: str, config: Config, count: int, backend: str) -> None:
    folder = check.work / label.replace(' ', '_')
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = deepcopy(config)
    config.env_cfg.dist_cfg = {'backend': backend}
    log = {'type': 'StepLog', 'file': str(folder / 'rank')}
    config.custom_hooks = [*config.custom_hooks, log]
    config.work_dir = str(folder / 'work')
    config.dump(folder / 'run.py')
    _wait(_launch(folder, count), folder)
    found = [json.loads((folder / f'rank.{r}').read_text()) for r in range(count)]
    first = found[0]
    check.record(
        label,
        steps=len(first['rows']),
        wrapper=first['wrapper'],
        backend=first['backend'],
        devices=[one['device'] for one in found],
        phases=sorted({row['phase'] for row in first['rows']}),
        same_weights=all(one['weights'] == first['weights'] for one in found),
        same_buffers=all(one['buffers'] == first['buffers'] for one in found),
        last=first['rows'][-1]['losses'],
    )
    shutil.rmtree(folder)


def _launch(folder: Path, count: int) -> list[subprocess.Popen]:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    command = [sys.executable, '-W', 'ignore', str(ROOT / 'tools' / 'train.py')]
    command += [str(folder / 'run.py'), '--launcher', 'pytorch']
    running = []
    for rank in range(count):
        # The local rank names the GPU: it is the same for all, as there is one.
        variables: dict[str, Any] = {
            'RANK': rank,
            'LOCAL_RANK': 0,
            'WORLD_SIZE': count,
            'MASTER_ADDR': '127.0.0.1',
            'MASTER_PORT': port,
            'PYTHONPATH': f'{ROOT}:{os.environ.get("PYTHONPATH", "")}',
        }
        environment = os.environ | {name: str(v) for name, v in variables.items()}
        with (folder / f'{rank}.log').open('w') as log:
            running.append(
                subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            )
    return running


def _wait(running: list[subprocess.Popen], folder: Path) -> None:
    end = time.monotonic() + LIMIT
    try:
        while any(p.poll() is None for p in running):
            if time.monotonic() > end or any(p.poll() for p in running):
                break  # one has failed: the others would wait for it
            time.sleep(0.2)
    finally:
        for process in running:
            process.kill()
            process.wait()
    codes = [p.returncode for p in running]
    if any(codes):
        text = (folder / '0.log').read_text()
        raise RuntimeError(f'return codes {codes}: {text[-900:]}')
