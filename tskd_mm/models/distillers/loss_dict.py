"""The dictionary of losses that is trained on and logged: merged, weighted, checked."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def name_task_loss(losses: Mapping[str, Any]) -> dict[str, Any]:
    """The host's losses; ``loss``, as mmpretrain says, becomes ``loss_task``.

    mmengine logs the sum of all losses under the name ``loss``.
    """
    return {'loss_task' if k == 'loss' else k: v for k, v in losses.items()}


def task_total(task: Mapping[str, Any]) -> Tensor:
    """Sum of the host's losses as mmengine adds them up, a scalar."""
    return torch.stack(_scalars({k: v for k, v in task.items() if 'loss' in k})).sum()


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
        total: As from :func:`task_total`.
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
            f'{[*task]}): give those of the distiller other names in feature_losses, '
            'logit_losses and head_losses'
        )
    losses = {f'loss_{name}': loss for name, loss in added.items()}
    ratios = {f'ratio_{n}': loss.detach() / total.detach() for n, loss in added.items()}
    return {**task, **losses, **ratios}


def check_finite(losses: Mapping[str, Any], data_samples: Sequence[Any]) -> None:
    """Check every loss before it is differentiated, so that all weights stay finite.

    Args:
        losses: Tensors, or lists of tensors, by name.
        data_samples: Of the batch; their image ids or paths go into the message.

    Raises:
        FloatingPointError: If a value is NaN or infinite.
    """
    values = {k: v for k, v in losses.items() if 'loss' in k}
    # One number for all: asking each one would wait for a GPU as many times.
    flat = [value.detach() for value in _scalars(values)]
    if not flat or torch.isfinite(torch.stack(flat)).all():
        return
    for name, value in values.items():
        total = sum(float(t.detach().float().sum()) for t in _tensors(value))
        if not abs(total) < float('inf'):
            raise FloatingPointError(
                f'{name} is {total} for the images {_names(data_samples)}: '
                'training stops here and the last checkpoint stays; look at these '
                'images and their annotations, lower the learning rate or the weight '
                'of this loss, or clip the gradients, then resume'
            )


def _scalars(losses: Mapping[str, Any]) -> list[Tensor]:
    """Every loss alone; most hosts return scalars."""
    found = [tensor for value in losses.values() for tensor in _tensors(value)]
    return [t.mean() if t.dim() else t for t in found]


def _tensors(value: Any) -> Sequence[Tensor]:
    return [value] if torch.is_tensor(value) else value


def _names(samples: Sequence[Any], most: int = 8) -> str:
    """A classifier's batch has hundreds: the first ones, and how many more."""
    more = f' and {len(samples) - most} more' if len(samples) > most else ''
    return f'{[*map(_name, samples[:most])]}{more}'


def _name(sample: Any) -> Any:
    for key in ('img_id', 'img_path', 'sample_idx'):
        if sample.get(key) is not None:
            return sample.get(key)
    return 'unknown'
