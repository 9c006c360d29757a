"""Weighs the added losses and shows how they compare with the task's."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def name_task_loss(losses: Mapping[str, Any]) -> dict[str, Any]:
    """The host's losses; ``loss``, as mmpretrain says, becomes ``loss_task``.

    mmengine logs the sum of all losses under the name ``loss``.
    """
    return {'loss_task' if k == 'loss' else k: v for k, v in losses.items()}


def balance(
    task: Tensor, added: Mapping[str, Tensor], factors: Mapping[str, float]
) -> dict[str, Tensor]:
    """What is trained on and logged of the losses that distillation adds.

    Args:
        task: The student's own loss, a scalar.
        added: Losses by name, scalars.
        factors: Factor of each loss at this step, by name; 1 where none is given.

    Returns:
        ``loss_<name>``, weighted, and ``ratio_<name>``, what that is of the task loss.
        The ratio carries no gradient and no "loss" in its key, so that mmengine logs it
        without adding it to the sum.
    """
    weighted = {
        name: loss * factors[name] if name in factors else loss
        for name, loss in added.items()
    }
    return {f'loss_{name}': loss for name, loss in weighted.items()} | {
        f'ratio_{name}': loss.detach() / task.detach()
        for name, loss in weighted.items()
    }
