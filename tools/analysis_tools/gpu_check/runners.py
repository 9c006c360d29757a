"""Runners of the kit's trainings: seeded, quiet, and with a log of their steps."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from .check import Check
from .step_log import StepLog

DTYPES = {'fp16': 'float16', 'bf16': 'bfloat16'}


def build_runner(
    config: Config, folder: Path, deterministic: bool = True, **more: Any
) -> Runner:
    """A runner, with deterministic kernels where there are some.

    Args:
        config: Stays as it is.
        folder: For all that it writes.
        deterministic: Warn of operators without a deterministic kernel.
        more: Other entries of the config.
    """
    config = deepcopy(config)
    config.work_dir = str(folder)
    config.experiment_name = f'{folder.parent.name}_{folder.name}'
    config.custom_hooks = [*config.get('custom_hooks', []), {'type': 'StepLog'}]
    config.randomness = {'seed': 0, 'deterministic': deterministic}
    config.log_level = 'WARNING'
    config.env_cfg.cudnn_benchmark = False
    config.update(more)
    runner = Runner.from_cfg(config)
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    return runner


def step_log(runner: Runner) -> StepLog:
    """What a runner's steps left."""
    return next(hook for hook in runner.hooks if isinstance(hook, StepLog))


def set_precision(config: Config, precision: str, check: Check) -> None:
    """Train in ``'fp32'``, ``'fp16'`` or ``'bf16'``."""
    if precision == 'fp32':
        return
    config.optim_wrapper.type = 'AmpOptimWrapper' if check.on_gpu else 'CPUAmp'
    config.optim_wrapper.loss_scale = 'dynamic'
    config.optim_wrapper.dtype = DTYPES[precision]
