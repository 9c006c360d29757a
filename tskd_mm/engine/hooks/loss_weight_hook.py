"""Changes the weights of losses in the course of the training."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ...models.distillers.tskd_distiller import TSKDDistiller
from ..distiller_hook import DistillerHook
from ..schedule.loss_fade import LossFade
from ..schedule.weight_points import WeightPoints


@HOOKS.register_module()
class LossWeightHook(DistillerHook):
    """Multiplies losses of a distiller by factors that change with time.

    ``dict(type='LossWeightHook', factors=dict(kl=[(0, 0), (20, 1)]))`` warms the loss
    ``kl`` up in the first 20 epochs; ``review=[(180, 1), (240, 0)]`` lets the review
    fade out in the last 60. ``pkd=dict(shape='cosine', begin=0.5, final=0.1)`` lets
    PKD fade to a tenth in the second half, however long the run is. The factor
    multiplies the loss's own weight. That of the review scales only the student's
    gradient, like its weight.

    Args:
        factors: For each loss by its name (``'review'`` too) the points of
            :class:`~tskd_mm.engine.schedule.weight_points.WeightPoints`, or the
            arguments of a :class:`~tskd_mm.engine.schedule.loss_fade.LossFade`.
        by_epoch: Time counts in epochs; False counts iterations. For both use two
            hooks.

    Raises:
        TypeError: If ``factors`` is no dict.
        ValueError: If points or arguments are wrong.
    """

    priority = 'ABOVE_NORMAL'  # before a first step, wherever a config lists it

    def __init__(
        self,
        factors: Mapping[str, Sequence[tuple[int, float]] | Mapping[str, Any]],
        by_epoch: bool = True,
    ) -> None:
        if not isinstance(factors, Mapping):
            raise TypeError(
                f'factors must be a dict of points by loss, but got {factors!r}: write '
                'factors=dict(review=[(0, 0), (20, 1)])'
            )
        self.weights = {
            name: LossFade(**how) if isinstance(how, Mapping) else WeightPoints(how)
            for name, how in factors.items()
        }
        self.by_epoch = by_epoch

    def before_train(self, runner: Runner) -> None:
        """Check that the losses and the epochs are there, and set the first factors.

        Raises:
            ValueError: If they are not, or another hook changes the same loss.
        """
        self.check_losses(self.distiller(runner))
        self._check_alone(runner)
        if self.by_epoch:
            self.require_epochs(runner, 'the points')
        self._set(runner, runner.epoch if self.by_epoch else runner.iter)

    def check_losses(self, model: TSKDDistiller) -> None:
        self.require_losses(model, 'factors', self.weights)

    def before_train_epoch(self, runner: Runner) -> None:
        if self.by_epoch:
            self._set(runner, runner.epoch)

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        if not self.by_epoch:
            self._set(runner, runner.iter)

    def _check_alone(self, runner: Runner) -> None:
        others = [h for h in runner.hooks if isinstance(h, LossWeightHook)]
        names = [name for hook in others for name in hook.weights]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f'several LossWeightHooks have factors for {", ".join(twice)}: write '
                'all points of a loss in one hook (a config with '
                '*_base_.custom_hooks has those of its base, too)'
            )

    def _set(self, runner: Runner, step: int) -> None:
        factors = self.distiller(runner).loss_factors
        steps = runner.max_epochs if self.by_epoch else runner.max_iters
        for name, weight in self.weights.items():
            shares = isinstance(weight, LossFade)
            factors[name] = weight.factor(step / steps if shares else step)
