"""What the package's hooks require of a runner: a distiller, and sometimes epochs."""

from collections.abc import Iterable

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.distributed.fsdp import FullyShardedDataParallel

from ..models.distillers.tskd_distiller import TSKDDistiller


class DistillerHook(Hook):
    """A hook of the training of a distiller."""

    def distiller(self, runner: Runner) -> TSKDDistiller:
        """The runner's model, out of its wrapper.

        Raises:
            ValueError: If the model is not a distiller, or it is sharded.
        """
        if isinstance(runner.model, FullyShardedDataParallel):
            raise ValueError(
                'FSDP splits every weight over the processes, but a distiller copies '
                'and compares whole ones: use MMDistributedDataParallel (remove '
                'model_wrapper_cfg or strategy from the config)'
            )
        wrapped = is_model_wrapper(runner.model)
        model = runner.model.module if wrapped else runner.model
        if not isinstance(model, TSKDDistiller):
            raise ValueError(
                f'{type(self).__name__} needs a model of type TSKDDistiller, but got '
                f'{type(model).__name__}: wrap the model, or remove the hook'
            )
        return model

    def check_losses(self, model: TSKDDistiller) -> None:
        """Check that a distiller has the losses that the hook has settings for.

        Raises:
            ValueError: If it lacks one.
        """

    def require_losses(
        self, model: TSKDDistiller, setting: str, names: Iterable[str]
    ) -> None:
        """Check that a distiller has losses of these names.

        Args:
            model: The distiller.
            setting: What the hook has for them, for the message.
            names: Names of added losses.

        Raises:
            ValueError: If it lacks one.
        """
        known = model.loss_names
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(
                f'{type(self).__name__} has {setting} for {", ".join(unknown)}, but '
                f'the losses of the distiller are {", ".join(known) or "none"}: use '
                'their names'
            )

    def require_epochs(self, runner: Runner, setting: str) -> None:
        """Check that the training has epochs.

        Args:
            runner: The runner.
            setting: What the hook counts them for, for the message.

        Raises:
            ValueError: If it is an iteration loop.
        """
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(
                f'{type(self).__name__} counts epochs (by_epoch=True), but the train '
                f'loop is {type(runner.train_loop).__name__}, which has none: set '
                f'by_epoch=False and {setting} in iterations'
            )
