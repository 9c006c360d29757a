"""Section ``syncs``: where a step waits for the GPU, and what its time goes into."""

import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from tskd_mm.apis.benchmark.training_steps import TrainingSteps

from .check import Check
from .timing import build_steps, case

KINDS = ('student', 'TSKD, general', 'TSKD, review')
LAUNCHES = ('cudaLaunchKernel', 'cuLaunchKernel')


def synchronisations(check: Check, names: list[str]) -> None:
    """Count synchronisations by line, and profile the distiller's steps."""
    for name in names or ('cifar', 'retinanet', 'faster_rcnn'):
        for amp in (False, True) if check.on_gpu else (False,):
            label = f'{name} {"amp" if amp else "fp32"}'
            with check.guard(label):
                steps = build_steps(check, name, case(check, name)[1], amp)
                whole = steps.whole()
                for kind in KINDS:
                    whole[kind](), whole[kind]()  # warm up
                    check.free()
                    with _counted(check) as found:
                        whole[kind]()
                    ours = {k: n for k, n in found.items() if '/tskd_mm/' in k}
                    top = dict(found.most_common(12))
                    check.record(
                        f'{label} {kind}', syncs=sum(found.values()), ours=ours, top=top
                    )
                _profile(check, label, steps)


@contextmanager
def _counted(check: Check) -> Iterator[Counter[str]]:
    """Synchronisations by the innermost line that is not PyTorch's own."""
    found: Counter[str] = Counter()

    def look(message: Any, *_: Any) -> None:
        if 'synchroniz' in str(message):
            stack = traceback.extract_stack()[:-1]
            ours = [f for f in stack if '/tskd_mm/' in f.filename]
            frame = (ours or [f for f in stack if '/torch/' not in f.filename])[-1]
            found[f'{frame.filename}:{frame.lineno} {frame.line}'] += 1

    with warnings.catch_warnings():
        warnings.simplefilter('always')
        warnings.showwarning = look  # type: ignore[assignment]
        if check.on_gpu:
            torch.cuda.set_sync_debug_mode('warn')
        try:
            yield found
        finally:
            if check.on_gpu:
                torch.cuda.set_sync_debug_mode('default')


def _profile(check: Check, label: str, steps: TrainingSteps) -> None:
    activities = [ProfilerActivity.CPU]
    if check.on_gpu:
        activities.append(ProfilerActivity.CUDA)
    whole = steps.whole()
    with _parts_named(steps.model):
        for kind in KINDS[1:]:
            with profile(activities=activities) as seen:
                whole[kind]()
                check.free()
            averages = seen.key_averages()
            parts = {
                e.key[3:]: {
                    'cpu_ms': round(e.cpu_time_total / 1e3, 2),
                    # Called cuda_time_total before PyTorch 2.5.
                    'device_ms': round(getattr(e, 'device_time_total', 0) / 1e3, 2),
                }
                for e in averages
                if e.key.startswith('## ')
            }
            launches = sum(e.count for e in averages if e.key.startswith(LAUNCHES))
            check.record(f'{label} {kind} profile', parts=parts, launches=launches)
            order = 'self_cuda_time_total' if check.on_gpu else 'self_cpu_time_total'
            table = averages.table(sort_by=order, row_limit=30)
            with Path(check.out, 'profile.txt').open('a') as file:
                file.write(f'==== {label} {kind}\n{table}\n')


@contextmanager
def _parts_named(model: Any) -> Iterator[None]:
    """Names for the profiler: which part of a step is whose."""
    methods = {
        'teacher features': (type(model.teacher), '__call__'),
        'past students': (type(model.bank), 'levels'),
        'review': (type(model.review), 'forward'),
        'static losses': (type(model.static_losses), 'forward'),
        "student's own loss": (type(model.student), 'loss'),
    }
    before = {label: getattr(*place) for label, place in methods.items()}

    def named(label: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            with record_function(f'## {label}'):
                return before[label](*args, **kwargs)

        return call

    for label, place in methods.items():
        setattr(*place, named(label))
    try:
        yield
    finally:
        for label, place in methods.items():
            setattr(*place, before[label])
