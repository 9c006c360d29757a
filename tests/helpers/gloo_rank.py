"""Lets a process that torchrun started train on the CPU, and keeps what it ends with.

Imported by a config of test_two_machines.py.
"""

import torch
from mmengine.dist import get_rank, is_distributed
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch.distributed import init_process_group

if not is_distributed():
    init_process_group('gloo')  # mmengine's own start needs CUDA


@HOOKS.register_module()
class SaveRank(Hook):
    """Writes the weights of each process, and how many batches it had an epoch."""

    def after_train(self, runner: Runner) -> None:
        state = runner.model.module.state_dict()
        content = dict(student=state, batches=len(runner.train_dataloader))
        torch.save(content, f'rank{get_rank()}.pth')
