"""A hook that saves what a run starts from, for test_stacks.py."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

NAME = 'start.pth'


@HOOKS.register_module()
class SaveOnStart(Hook):
    """Saves a checkpoint after resuming, before the first step."""

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        runner.save_checkpoint(runner.work_dir, NAME)
