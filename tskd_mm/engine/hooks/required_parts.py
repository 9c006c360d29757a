"""What the hooks require of a runner: a distiller, and sometimes epochs."""

from collections.abc import Iterable

from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.distributed.fsdp import FullyShardedDataParallel

from ...models.distillers.tskd_distiller import TSKDDistiller


def find_distiller(runner: Runner, hook: str) -> TSKDDistiller:
    """The runner's model, out of its wrapper.

    Args:
        runner: The runner.
        hook: Name of the hook that asks, for the message.

    Raises:
        ValueError: If the model is not a distiller, or it is sharded.
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


def require_losses(
    runner: Runner, hook: str, setting: str, names: Iterable[str]
) -> None:
    """Check that the distiller has losses of these names.

    Args:
        runner: The runner.
        hook: Name of the hook that has settings for them, for the message.
        setting: What it has for them.
        names: Names of added losses.

    Raises:
        ValueError: If it lacks one.
    """
    known = find_distiller(runner, hook).loss_names
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f'{hook} has {setting} for {", ".join(unknown)}, but the losses of the '
            f'distiller are {", ".join(known) or "none"}: use their names'
        )


def require_epoch_loop(runner: Runner, hook: str, setting: str) -> None:
    """Check that the training has epochs.

    Args:
        runner: The runner.
        hook: Name of the hook that counts epochs, for the message.
        setting: What it counts them for.

    Raises:
        ValueError: If it is an iteration loop.
    """
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        raise ValueError(
            f'{hook} counts epochs (by_epoch=True), but the train loop is '
            f'{type(runner.train_loop).__name__}, which has none: set by_epoch=False '
            f'and {setting} in iterations'
        )
