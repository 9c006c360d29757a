"""Section ``cuda_train``: whole cycles M1 M2 M3 R, resumed and tested."""

import shutil
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from statistics import median
from typing import Any

import mmcv._ext
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import Runner

from .check import Check, difference, tensors_in
from .runners import build_runner, set_precision, step_log
from .small_trainings import EPOCHS, NAMES, small_training


def train_cycles(check: Check, names: list[str]) -> None:
    """Train each recipe in each precision, the most important first.

    Args:
        check: Where to run.
        names: Recipes, or ``RECIPE@PRECISION``. Default: all.
    """
    for precision in ('fp32', 'fp16', 'bf16'):
        for item in names or NAMES:
            name, _, only = item.partition('@')
            if (only or precision) != precision:
                continue
            if precision == 'fp16' and not check.on_gpu:
                continue
            label = f'{name} {precision}'
            with check.guard(label), _warnings_counted() as seen:
                _Cycle(check, label, name, precision).run()
            check.record(f'{label} warnings', seen=dict(seen.most_common(25)))


class _Cycle:
    """One recipe in one precision."""

    def __init__(self, check: Check, label: str, name: str, precision: str) -> None:
        workers = 0 if check.tiny else 2
        self.check, self.label = check, label
        self.training = small_training(check, name, workers)
        set_precision(self.training.config, precision, check)
        self.folder = check.work / label.replace(' ', '_')
        self.quick = precision == 'bf16' and name != 'cifar'

    def run(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            runner = self._train()
            rows = step_log(runner).rows
            self._look_at_teacher(runner)
            whole = self._look_at_checkpoint()
            final = {k: v.cpu().clone() for k, v in runner.model.state_dict().items()}
            del runner
            self.check.free()
            if not self.quick:
                self._resume(rows, whole, final)
                self._test()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)  # up to 700 MB a checkpoint

    def _record(self, name: str, **fields: Any) -> None:
        self.check.record(f'{self.label} {name}', **fields)

    def _train(self) -> Runner:
        before = Counter(getattr(mmcv._ext, 'BFLOAT16', {}))
        if self.check.on_gpu:
            torch.cuda.reset_peak_memory_stats()
        begin = time.perf_counter()
        runner = build_runner(self.training.config, self.folder / 'whole')
        runner.train()
        rows = step_log(runner).rows
        phases: dict[str, list[float]] = {}
        for row in rows:
            phases.setdefault(row['phase'], []).append(row['seconds'])
        on_gpu = self.check.on_gpu
        self._record(
            'trained',
            steps=len(rows),
            seconds=round(time.perf_counter() - begin, 1),
            device=str(next(runner.model.parameters()).device),
            median_step={name: round(median(s), 4) for name, s in phases.items()},
            review_only_in_review_phase=all(
                ('loss_review' in row['losses']) == (row['phase'] == 'review')
                for row in rows
            ),
            review_epochs=sorted({r['epoch'] for r in rows if r['phase'] == 'review'}),
            losses={k: round(v, 5) for k, v in rows[-1]['losses'].items()},
            peak_MB=torch.cuda.max_memory_allocated() // 10**6 if on_gpu else None,
            bfloat16_calls_that_mmcv_refuses=dict(
                Counter(getattr(mmcv._ext, 'BFLOAT16', {})) - before
            ),
        )
        return runner

    def _look_at_teacher(self, runner: Runner) -> None:
        saved = _load(self.training.teacher)['state_dict']
        model = runner.model.teacher.model
        held = {k: v for k, v in model.state_dict().items() if k in saved}
        self._record('teacher', **difference(held, saved), training=model.training)

    def _look_at_checkpoint(self) -> dict[str, Any]:
        whole = _load(self.folder / 'whole' / f'epoch_{EPOCHS}.pth')
        plain = deepcopy(self.training.plain)
        if 'data_preprocessor' in plain:
            plain.model.setdefault('data_preprocessor', plain.data_preprocessor)
        keys = MODELS.build(plain.model).state_dict().keys()
        self._record(
            'checkpoint',
            same_keys_as_plain=[*keys] == [*whole['state_dict']],
            entries=sorted(whole),
        )
        return whole

    def _resume(self, rows: list[dict], whole: dict[str, Any], final: dict) -> None:
        folder = self.folder / 'resumed'
        folder.mkdir(parents=True)
        name = f'epoch_{EPOCHS - 1}.pth'
        shutil.copy(self.folder / 'whole' / name, folder)
        runner = build_runner(
            self.training.config, folder, resume=True, load_from=str(folder / name)
        )
        runner.train()
        again = [row['losses'] for row in step_log(runner).rows]
        before = [row['losses'] for row in rows if row['epoch'] == EPOCHS]
        resumed = _load(folder / f'epoch_{EPOCHS}.pth')
        self._record('resumed student', **difference(final, runner.model.state_dict()))
        self._record(
            'resumed losses', first=before[0] == again[0], every=before == again
        )
        for part in ('tskd', 'optimizer'):
            pair = tensors_in(whole[part]), tensors_in(resumed[part])
            self._record(f'resumed {part}', **difference(*pair))
        del runner
        self.check.free()

    def _test(self) -> None:
        distilled = deepcopy(self.training.config)
        distilled.custom_hooks = []  # testing needs no part of the training
        (metrics, outputs), (others, expected) = (
            self._tested(name, config)
            for name, config in (('tskd', distilled), ('plain', self.training.plain))
        )
        same = len(outputs) == len(expected)
        same = same and all(map(torch.equal, outputs, expected))
        self._record(
            'tested', metrics=metrics, same_metrics=metrics == others, same_outputs=same
        )

    def _tested(self, name: str, config: Config) -> tuple[dict, list[torch.Tensor]]:
        checkpoint = self.folder / 'whole' / f'epoch_{EPOCHS}.pth'
        runner = build_runner(
            config, self.folder / f'test_{name}', load_from=str(checkpoint)
        )
        metrics, outputs = runner.test(), step_log(runner).outputs
        del runner
        self.check.free()
        return metrics, outputs


def _load(file: Path) -> dict[str, Any]:
    return torch.load(file, map_location='cpu', weights_only=False)


@contextmanager
def _warnings_counted() -> Iterator[Counter[str]]:
    """Among them the operators that have no deterministic kernel."""
    seen: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter('always')
        warnings.filterwarnings('ignore', category=DeprecationWarning)
        warnings.showwarning = lambda message, *_: seen.update([str(message)[:110]])
        yield seen
