"""When to measure the shares that scale losses, and what to log of them."""

import math
from collections.abc import Mapping
from typing import Any

from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ...models.distillers.loss_balance import LEAST, LossBalance, LossRecord
from ...models.distillers.tskd_distiller import TSKDDistiller
from ...models.features.compiled_parts import compile_options
from ..distiller_hook import DistillerHook

OFTEN = 32  # measurements while the steps double, until the interval is reached
IN_VAIN = 100  # steps with a loss and without a measurement, until a warning


@HOOKS.register_module()
class LossBalanceHook(DistillerHook):
    """Sets the weights of a distiller's losses by their shares of the gradient.

    ``dict(type='LossBalanceHook', shares=dict(pkd=1.0, review=0.1))`` scales PKD so
    that it pulls the tapped features as strongly as the task does, and the review so
    that it pulls a tenth as strongly, whatever the losses' own weights are. A loss that
    is not named keeps its weight. With LossWeightHook the schedule multiplies the
    share.

    Each share is measured in a loss's first steps, then less and less often, and
    finally every ``interval`` steps. A measurement is a backward pass from the losses
    to the taps, for a detector only through its head. The log has ``share_<name>``, the
    measured share, ``factor_<name>``, the current factor, and ``cosine_<name>``, the
    cosine of the angle to the task's gradient: below 0 a loss pulls against the task.
    Measurements with NaN, infinite or zero gradients are skipped, and a loss that has
    none in its first hundred steps gets a warning. Factors stay between 1e-6 and 1e6
    and are resumed with the run. The idea of a balance by shares of the
    gradient is from RT-DETRv4; see
    :class:`~tskd_mm.models.distillers.loss_balance.LossBalance`.

    Args:
        shares: For each loss, by name (``'review'`` too), the wanted norm of its
            gradient divided by that of the task loss.
        interval: Steps with a loss from one measurement to the next.

    Raises:
        ValueError: If a share or the interval is not a positive number.
    """

    priority = 'ABOVE_NORMAL'  # before the preflight takes its first step

    def __init__(self, shares: Mapping[str, float], interval: int = 50) -> None:
        for name, share in shares.items():
            if not 0 < share < math.inf:
                raise ValueError(
                    f'the share of {name} must be a finite number above 0, but got '
                    f'{share}: to switch a loss off remove it from the model'
                )
        if interval < 1:
            raise ValueError(f'interval must be at least 1 step, but got {interval}')
        self.shares = dict(shares)
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        """Check that the losses are there and can be measured.

        Raises:
            ValueError: If they are not, or the model is to be compiled.
        """
        self.check_losses(self.distiller(runner))
        review = self.distiller(runner).review
        own = getattr(review, 'compile_options', None)
        if own is not None or compile_options(runner.cfg.get('compile')) is not None:
            raise ValueError(
                'LossBalanceHook measures gradients within a training step, which '
                'torch.compile does not support: remove compile from the config, or '
                'LossBalanceHook'
            )
        balance = self._balance(runner)
        balance.shares = self.shares
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        if scaler:
            balance.loss_scale = scaler.get_scale
        self._set_due(balance)

    def check_losses(self, model: TSKDDistiller) -> None:
        self.require_losses(model, 'shares', self.shares)

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        self._set_due(self._balance(runner))

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        balance = self._balance(runner)
        balance.count_step(n for n in self.shares if f'loss_{n}' in (outputs or {}))
        balance.due = []
        for name in self.shares:
            record = balance.records.get(name, LossRecord())
            if record.steps == IN_VAIN and not record.measured:
                runner.logger.warning(
                    f'LossBalanceHook could not measure the share of {name} in '
                    f'{IN_VAIN} steps, because its gradient or that of the task is 0, '
                    'NaN or infinite, or its factor in LossWeightHook is 0. It trains '
                    f'with the factor {LEAST:g} until then: look at loss_{name} in the '
                    'log, or take it out of shares'
                )

    def _set_due(self, balance: LossBalance) -> None:
        records = ((name, balance.records.get(name)) for name in self.shares)
        balance.due = [name for name, record in records if self._is_due(record)]

    def _is_due(self, record: LossRecord | None) -> bool:
        steps = record.steps if record and record.measured else 0
        return steps % min(self.interval, max(1, steps // OFTEN)) == 0

    def _balance(self, runner: Runner) -> LossBalance:
        return self.distiller(runner).balance
