"""A faster memory format for small classifiers on a CPU.

A study's folder is on the module path of its trainings: a config names the hook by this
file, without a custom import.
"""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner


class ChannelsLastHook(Hook):
    """Keeps all weights in the channels-last memory format; the maps follow them.

    Those of teacher, snapshots and predictors too. The last bits of results change.
    """

    def before_train(self, runner: Runner) -> None:
        """Convert the weights where they are: the optimizer keeps its references."""
        runner.model.to(memory_format=torch.channels_last)
