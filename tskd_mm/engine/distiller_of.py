"""Finds the distiller that a runner trains."""

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.distributed.fsdp import FullyShardedDataParallel

from ..models.tskd_distiller import TSKDDistiller


def distiller_of(runner: Runner, hook: str) -> TSKDDistiller:
    """The runner's model, out of its wrapper.

    Args:
        runner: The runner.
        hook: Name of the hook that asks, for the message.

    Raises:
        ValueError: If the model is no distiller, or sharded.
    """
    if isinstance(runner.model, FullyShardedDataParallel):
        raise ValueError(
            'FSDP splits every weight over the processes, but a distiller copies and '
            'compares whole ones: use MMDistributedDataParallel (remove '
            'model_wrapper_cfg or strategy from the config)'
        )
    wrapped = is_model_wrapper(runner.model)
    model = runner.model.module if wrapped else runner.model
    if not isinstance(model, TSKDDistiller):
        raise ValueError(
            f'{hook} needs a model of type TSKDDistiller, but got '
            f'{type(model).__name__}: wrap the model, or remove the hook'
        )
    return model
