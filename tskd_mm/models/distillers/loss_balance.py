"""Scales added losses to given shares of the task's gradient."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..features.feature_tap import Features
from .gradient_share import gradient_shares

NEWEST = 0.5  # weight of the newest measurement in the smoothed share
LEAST, MOST = 1e-6, 1e6  # of a factor


class LossRecord(NamedTuple):
    """What is known of one loss.

    Attributes:
        steps: Training steps that had this loss.
        measured: How often its share has been measured.
        log_share: Logarithm of its share with factor 1, smoothed.
    """

    steps: int = 0
    measured: int = 0
    log_share: float = 0.0

    def after(self, share: float) -> 'LossRecord':
        """With one more measurement: first the mean of all, then a moving one."""
        weight = max(1 / (self.measured + 1), NEWEST)
        smoothed = self.log_share + weight * (math.log(share) - self.log_share)
        return self._replace(measured=self.measured + 1, log_share=smoothed)


def unscaled() -> float:
    """The loss scale without a GradScaler."""
    return 1.0


class LossBalance:
    """Factors that bring the gradients of added losses to given shares of the task's.

    A share is measured by :func:`.gradient_shares` on the features, for a loss on
    logits on the scores, and smoothed: a moving geometric mean. Until a loss has been
    measured, its factor is the least there is. The idea of weighting losses by the
    norms of their gradients is that of GradNorm (arXiv 1711.02257), which learns its
    weights; here they follow from the shares alone.

    :class:`~tskd_mm.engine.hooks.loss_balance_hook.LossBalanceHook` holds the settings
    and decides when to measure.

    Args:
        logit_losses: Names of the losses on logits.

    Attributes:
        shares: Wanted shares by name; a loss without one is left as it is.
        due: Names of the losses to measure in the next step that has them.
        loss_scale: Returns that of :func:`.gradient_shares`.
        records: What is known so far, by name.
        checked: Whether all of the shares can be measured.
    """

    def __init__(self, logit_losses: Iterable[str] = ()) -> None:
        self.logit_losses = [*logit_losses]
        self.shares: dict[str, float] = {}
        self.due: list[str] = []
        self.loss_scale: Callable[[], float] = unscaled
        self.records: dict[str, LossRecord] = {}
        self.checked = False

    def factors(self, schedule: Mapping[str, float]) -> dict[str, float]:
        """Factors in force, by name.

        Args:
            schedule: Factors that multiply the shares, by name.
        """
        names = [*dict.fromkeys([*schedule, *self.shares])]
        return {name: schedule.get(name, 1.0) * self._factor(name) for name in names}

    def _factor(self, name: str) -> float:
        if name not in self.shares:
            return 1.0
        record = self.records.get(name, LossRecord())
        if not record.measured:
            return LEAST
        return min(max(self.shares[name] / math.exp(record.log_share), LEAST), MOST)

    def count_step(self, losses: Iterable[str]) -> None:
        """Take down which losses a training step had."""
        for name in losses:
            record = self.records.get(name, LossRecord())
            self.records[name] = record._replace(steps=record.steps + 1)

    def measure(
        self,
        task: Tensor,
        added: Mapping[str, Tensor],
        student: Features,
        schedule: Mapping[str, float],
    ) -> dict[str, Tensor]:
        """Measure the losses that are due, and check at first that all can be.

        Args:
            task: The task loss, a scalar.
            added: The added losses by name, scalars, without factors; the gradient of
                a review is scaled already.
            student: Features that all of them depend on.
            schedule: See :meth:`factors`.

        Returns:
            ``share_<name>`` with the factor in force, ``factor_<name>`` and
            ``cosine_<name>`` of what was measured; empty if nothing is due.

        Raises:
            ValueError: See :func:`.gradient_shares`.
            RuntimeError: See there.
        """
        inside = {'review': self.factors(schedule).get('review', 1.0)}
        # Out again here, where float32 has room for small and large factors.
        due = {
            name: loss / inside.get(name, 1.0)
            for name, loss in added.items()
            if name in self.due and inside.get(name) != 0
        }
        names = dict.fromkeys([*due, *([] if self.checked else self.shares)])
        if not names:
            return {}
        features = {name: self._compared(name, student) for name in names}
        values = {}
        found = gradient_shares(task, due, features, self.loss_scale())
        self.checked = True
        for name, (raw, cosine) in found.items():
            self.records[name] = self.records.get(name, LossRecord()).after(raw)
            factor = inside.get(name, self.factors(schedule).get(name, 1.0))
            values[f'share_{name}'] = raw * factor
            values[f'factor_{name}'] = factor
            values[f'cosine_{name}'] = cosine
        return {k: torch.tensor(v, device=task.device) for k, v in values.items()}

    def _compared(self, name: str, student: Features) -> list[Tensor]:
        if name in self.logit_losses and student.logits is not None:
            return [student.logits]
        return student.levels

    def state(self) -> dict[str, dict[str, Any]]:
        """The records, of plain numbers, for a checkpoint."""
        return {name: record._asdict() for name, record in self.records.items()}

    def load_state(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Bring back what :meth:`state` returned."""
        self.records = {name: LossRecord(**record) for name, record in records.items()}
