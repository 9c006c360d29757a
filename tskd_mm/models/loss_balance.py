"""Weighs the added losses and shows how they compare with the task's."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def name_task_loss(losses: Mapping[str, Any]) -> dict[str, Any]:
    """The host's losses; ``loss``, as mmpretrain says, becomes ``loss_task``.

    mmengine logs the sum of all losses under the name ``loss``.
    """
    return {'loss_task' if k == 'loss' else k: v for k, v in losses.items()}


def weigh(
    losses: Mapping[str, Tensor], factors: Mapping[str, float]
) -> dict[str, Tensor]:
    """Losses times their factors by name; as they are where none is given."""
    return {
        name: loss * factors[name] if name in factors else loss
        for name, loss in losses.items()
    }


def add_losses(
    task: Mapping[str, Any], total: Tensor, added: Mapping[str, Tensor]
) -> dict[str, Any]:
    """What is trained on and logged: the host's losses and those of distillation.

    Args:
        task: The host's losses.
        total: Their sum, a scalar.
        added: Losses by name, scalars.

    Returns:
        ``task`` with ``loss_<name>`` and ``ratio_<name>``, what that is of the task
        loss. The ratio carries no gradient and no "loss" in its key, so that mmengine
        logs it without adding it to the sum.

    Raises:
        ValueError: If the host has a loss of such a name.
    """
    taken = [name for name in added if f'loss_{name}' in task]
    if taken:
        raise ValueError(
            f'the student has losses of its own under the names {taken} (its losses: '
            f'{[*task]}): give those of the distiller other names in feature_losses '
            'and logit_losses'
        )
    losses = {f'loss_{name}': loss for name, loss in added.items()}
    ratios = {f'ratio_{n}': loss.detach() / total.detach() for n, loss in added.items()}
    return {**task, **losses, **ratios}
