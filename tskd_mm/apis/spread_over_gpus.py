"""Spreads trainings over the GPUs of a machine."""

import os
from itertools import cycle, islice

import torch

VISIBLE = 'CUDA_VISIBLE_DEVICES'


def spread_over_gpus(jobs: int) -> list[dict[str, str]]:
    """What to set in the environment of each of some trainings that run side by side.

    Where there are several GPUs, each training sees one of them; a machine with one or
    none needs no setting.

    Args:
        jobs: How many trainings.
    """
    count = torch.cuda.device_count()
    if count < 2:
        return [{} for _ in range(jobs)]
    ids = [*filter(None, os.environ.get(VISIBLE, '').split(','))]
    names = ids[:count] or [*map(str, range(count))]
    return [{VISIBLE: name} for name in islice(cycle(names), jobs)]
