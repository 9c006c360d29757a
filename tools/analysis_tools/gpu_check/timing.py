"""Sections ``perf`` and ``batch``: the benchmark, and the largest batch that fits."""

import json
import subprocess
import sys
from functools import partial

import torch
from mmengine.config import Config

from tskd_mm.apis.benchmark.training_steps import TrainingSteps
from tskd_mm.apis.interleaved_timing import Step, medians, take_turns
from tskd_mm.apis.random_batch import random_batch

from .check import ROOT, Check

MOST = 128  # images of the largest batch that is tried
# Recipe, images, their height and width.
CASES = {
    'retinanet': ('retinanet_r101_to_r50_coco', 2, (800, 1344)),
    'faster_rcnn': ('faster_rcnn_r101_to_r50_coco', 2, (800, 1344)),
    'cifar': ('resnet56_to_resnet20_cifar100', 128, (32, 32)),
}
TINY = {'cifar': (4, (32, 32))}
VARIANTS = {
    'fp32': [],
    'amp': ['--amp'],
    'amp channels_last': ['--amp', '--channels-last'],
}


def case(check: Check, name: str) -> tuple[str, int, tuple[int, int]]:
    """Config file, images and their size."""
    recipe, images, size = CASES[name]
    if check.tiny:
        images, size = TINY.get(name, (1, (96, 96)))
    return str(ROOT / 'configs' / 'tskd' / f'{recipe}.py'), images, size


def build_steps(check: Check, name: str, images: int, amp: bool) -> TrainingSteps:
    """The benchmark's steps of one case."""
    file, _, size = case(check, name)
    config = Config.fromfile(file)
    torch.manual_seed(0)
    data = random_batch(config, images, size)
    return TrainingSteps(config, data, torch.device(check.device), amp)


def benchmark(check: Check, names: list[str]) -> None:
    """Run the benchmark in a process of its own for each case and precision."""
    for name in names or CASES:
        for variant, flags in VARIANTS.items():
            if flags and not check.on_gpu:
                continue  # AmpOptimWrapper requires a GPU
            label = f'{name} {variant}'
            with check.guard(label):
                file, images, size = case(check, name)
                out = check.out / f'perf {label}.json'
                command = [sys.executable, '-W', 'ignore']
                command += [
                    str(ROOT / 'tools' / 'analysis_tools' / 'benchmark.py'),
                    file,
                ]
                command += ['--images', str(images), '--size', *map(str, size)]
                command += ['--device', check.device, '--json', str(out), *flags]
                command += ['--repeats', '1' if check.tiny else '9']
                subprocess.run(command, check=True)
                found = json.loads(out.read_text())
                check.record(
                    label,
                    seconds={k: round(v, 5) for k, v in found['seconds'].items()},
                    ratios={k: round(v, 3) for k, v in found['ratios'].items()},
                    peak_MB={k: v // 10**6 for k, v in found['peak_bytes'].items()},
                )


def largest_batch(check: Check, names: list[str]) -> None:
    """Double the batch until it does not fit, with TSKD and for the student alone."""
    for name in names or ['retinanet']:
        with check.guard(name):
            steps = build_steps(check, name, 1, check.on_gpu)
            kinds: dict[str, Step] = {
                'review': partial(steps.train, 'review'),
                'general': partial(steps.train, 'general'),
                'student': steps.train_alone,
            }
            for kind, step in kinds.items():
                _grow(check, name, kind, steps, step)


def _grow(check: Check, name: str, kind: str, steps: TrainingSteps, step: Step) -> None:
    file, _, size = case(check, name)
    config, images = Config.fromfile(file), 2
    while images <= (4 if check.tiny else MOST):
        check.free()
        steps.data = random_batch(config, images, size)
        try:
            seconds = medians(take_turns({kind: step}, 1, check.device))[kind]
        except torch.cuda.OutOfMemoryError:
            check.record(f'{name} {kind}', images=images, fits=False)
            for optimizer in steps.optimizers:
                optimizer.zero_grad()
            return
        check.record(
            f'{name} {kind}',
            images=images,
            fits=True,
            images_per_second=round(images / seconds, 1),
        )
        images *= 2
