"""What the kit's trainings keep of every step; loaded by their custom_imports too."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, OPTIM_WRAPPERS
from mmengine.runner import Runner
from torch import Tensor, nn


@HOOKS.register_module()
class StepLog(Hook):
    """Losses, phase and seconds of every step.

    Args:
        file: Where each process writes them when the training ends, with sums of its
            weights and buffers. Default: nowhere.

    Attributes:
        rows: One for each training step.
        outputs: Boxes and scores, or scores, of every tested image.
    """

    priority = 'VERY_LOW'

    def __init__(self, file: str | None = None) -> None:
        self.file = file
        self.rows: list[dict[str, Any]] = []
        self.outputs: list[Tensor] = []

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        self.begin = _now()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        seconds = _now() - self.begin
        losses = {name: float(value) for name, value in outputs.items()}
        row = {'epoch': runner.epoch + 1, 'phase': _inside(runner.model).phase}
        self.rows.append(row | {'seconds': seconds, 'losses': losses})

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        for sample in outputs:
            found = sample.get('pred_instances', None)
            if found is None:
                self.outputs.append(sample.pred_score.float().cpu())
            else:
                parts = [found.bboxes.float(), found.scores[:, None].float()]
                self.outputs.append(torch.cat(parts, 1).cpu())

    def after_train(self, runner: Runner) -> None:
        if self.file is None:
            return
        model = _inside(runner.model)
        backend = None
        if torch.distributed.is_initialized():
            backend = torch.distributed.get_backend()
        content = {
            'rows': self.rows,
            'weights': _sums(model.parameters()),
            'buffers': _sums(model.buffers()),
            'wrapper': type(runner.model).__name__,
            'device': str(next(model.parameters()).device),
            'backend': backend,
        }
        with open(f'{self.file}.{get_rank()}', 'w') as out:
            json.dump(content, out)


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _inside(model: nn.Module) -> Any:
    return model.module if is_model_wrapper(model) else model


def _sums(tensors: Any) -> list[float]:
    return [float(t.detach().double().abs().sum()) for t in tensors]


@OPTIM_WRAPPERS.register_module()
class CPUAmp(OptimWrapper):
    """To try the kit without a GPU, which mmengine's AmpOptimWrapper requires."""

    def __init__(
        self, loss_scale: Any = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield
