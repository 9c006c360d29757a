"""How large a loss's gradient is, next to the task's, where models are compared."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from mmengine.dist import all_reduce
from torch import Tensor


class GradientShare(NamedTuple):
    """The gradient of one loss and that of the task.

    Attributes:
        share: Norm of the loss's gradient, divided by that of the task's.
        cosine: Cosine of the angle between both; below 0 the loss pulls against the
            task.
    """

    share: float
    cosine: float


def gradient_shares(
    task: Tensor,
    losses: Mapping[str, Tensor],
    features: Mapping[str, Sequence[Tensor]],
    loss_scale: float = 1.0,
) -> dict[str, GradientShare]:
    """``||dL/df|| / ||dL_task/df||``: L2 norms over all features f of a loss together.

    Both are total derivatives, so features may depend on each other, of the batches of
    all processes together. A feature without gradient (frozen) is left out; one that a
    loss does not reach counts zero.

    Args:
        task: The task loss, a scalar.
        losses: Other losses by name, scalars.
        features: By name of a loss, those where its gradient is measured. Where a loss
            is not there yet, like a review, they are only checked.
        loss_scale: Multiplies the losses in these backward passes, so that float16
            does not lose small gradients; no value depends on it. A loss whose gradient
            is too large with it is measured without.

    Returns:
        The shares by name, without those where a norm is 0, NaN or infinite.

    Raises:
        ValueError: If a loss has only frozen features, or on no process the task
            reaches a feature.
        RuntimeError: If there is reentrant activation checkpointing behind a feature.
    """
    places = {n: [f for f in seen if f.requires_grad] for n, seen in features.items()}
    frozen = [name for name, place in places.items() if not place]
    if frozen:
        raise ValueError(
            f'the share of {", ".join(frozen)} cannot be measured, because every '
            'tapped feature of the student is frozen: choose student_taps that are '
            'trained, or remove LossBalanceHook'
        )
    union = [*{id(f): f for place in places.values() for f in place}.values()]
    of_task = dict(zip(map(id, union), _gradients(task, union, loss_scale)))
    _check_reached(of_task, union)
    rows = _products(losses, places, of_task, loss_scale)
    # Decided after the reduction: a backward pass may wait for other processes.
    large = {n: losses[n] for n, (own, *_) in rows.items() if not math.isfinite(own)}
    if large and loss_scale != 1:
        rows |= _products(large, places, of_task, 1.0)
    found = {name: _share(*row) for name, row in rows.items()}
    return {name: share for name, share in found.items() if share is not None}


def _products(
    losses: Mapping[str, Tensor],
    places: Mapping[str, Sequence[Tensor]],
    of_task: Mapping[int, Tensor | None],
    scale: float,
) -> dict[str, list[float]]:
    """By loss: squared norms of its gradient and the task's, and their product."""
    sums = []
    for name, loss in losses.items():
        ours = _gradients(loss, places[name], scale)
        theirs = [of_task[id(f)] for f in places[name]]
        pairs = zip(ours, ours), zip(theirs, theirs), zip(ours, theirs)
        sums.append(torch.stack([_dot(pair, loss) for pair in pairs]))
    if not sums:
        return {}
    rows = torch.stack(sums)
    all_reduce(rows)
    return dict(zip(losses, rows.tolist()))


def _gradients(
    loss: Tensor, features: Sequence[Tensor], scale: float
) -> Sequence[Tensor | None]:
    """In float32; None where the loss does not reach a feature."""
    if not loss.requires_grad:
        return [None] * len(features)
    try:
        with torch.autocast(loss.device.type, enabled=False):  # as in training
            found = torch.autograd.grad(
                loss * scale, features, retain_graph=True, allow_unused=True
            )
    except RuntimeError as error:
        if 'heckpoint' not in str(error):
            raise
        raise RuntimeError(
            'LossBalanceHook cannot measure gradients through reentrant activation '
            'checkpointing behind a tapped module: set with_cp=False there (and remove '
            'it from activation_checkpointing), use use_reentrant=False, or remove '
            'LossBalanceHook'
        ) from error
    return [None if g is None else g.float() / scale for g in found]


def _dot(pairs: Iterable[tuple[Tensor | None, Tensor | None]], like: Tensor) -> Tensor:
    products = [(a * b).sum() for a, b in pairs if a is not None and b is not None]
    return sum(products, like.new_zeros((), dtype=torch.float32))


def _check_reached(
    of_task: Mapping[int, Tensor | None], features: Sequence[Tensor]
) -> None:
    reached = [float(of_task[id(feature)] is not None) for feature in features]
    processes = torch.tensor(reached, device=features[0].device)
    all_reduce(processes)
    for count, feature in zip(processes.tolist(), features):
        if not count:
            raise ValueError(
                'a share of the gradient needs the task in all tapped features, but '
                "the student's own loss does not depend on the one of shape "
                f'{tuple(feature.shape)}: leave it out of student_taps or strides (of '
                'scores: choose another logit_tap), or remove LossBalanceHook'
            )


def _share(own: float, task: float, product: float) -> GradientShare | None:
    if not (0 < own < math.inf and 0 < task < math.inf):
        return None
    norms = math.sqrt(own), math.sqrt(task)
    return GradientShare(norms[0] / norms[1], product / (norms[0] * norms[1]))
