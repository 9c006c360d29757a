"""Loads weights into a model that needs every one of them, and no other."""

from collections import OrderedDict
from collections.abc import Container, Mapping

from mmengine.logging import print_log
from torch import Tensor, nn

from .checkpoint import load_weights

LEFTOVERS = ('data_preprocessor.', 'ema_')


def load_strictly(model: nn.Module, checkpoint: str, trust: bool = False) -> None:
    """Load a checkpoint file into a model: :func:`load_weights`, then :func:`fit`."""
    fit(model, load_weights(checkpoint, trust), checkpoint)


def fit(model: nn.Module, weights: OrderedDict[str, Tensor], origin: str) -> None:
    """Load weights into a model that needs every one of them, and no other.

    The modules' own conversion of older names applies. What older hosts saved next to
    the weights (normalisation constants, a second copy from the EMA hook) is left out
    and logged, and so are second names of weights: see :func:`second_names`.

    Args:
        model: The model.
        weights: From :func:`load_weights`.
        origin: Where they came from, for messages.

    Raises:
        ValueError: If a key is missing, unexpected or of another shape; lists all.
    """
    expected = model.state_dict()
    extra = [k for k in weights if k.startswith(LEFTOVERS) and k not in expected]
    extra += second_names(weights, expected)
    if extra:
        print_log(f'{origin}: left out {len(extra)} extras: {extra}', 'current')
    kept = type(weights)((k, v) for k, v in weights.items() if k not in extra)
    kept.__dict__.update(weights.__dict__)
    try:
        model.load_state_dict(kept)
    except RuntimeError as error:
        _, _, problems = str(error).partition('\n')
        raise ValueError(
            f'{origin} does not fit {type(model).__name__}: give the weights that were '
            f'trained with this very config\n{problems}'
        ) from error


def second_names(weights: Mapping[str, Tensor], own: Container[str]) -> list[str]:
    """Names in a checkpoint of what the model has under another name.

    A model that registers a part once more when it first trains, as DDQ's decoder does
    with branches of the head, saves its weights under both names.

    Args:
        weights: Of the checkpoint.
        own: Names of the weights of a fresh model.
    """
    known: dict[str, list[Tensor]] = {}
    for name, value in weights.items():
        if name in own:
            known.setdefault(_inside(name), []).append(value)
    return [
        name
        for name, value in weights.items()
        if name not in own
        and any(_same(value, other) for other in known.get(_inside(name), []))
    ]


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and one.equal(other)


def _inside(name: str) -> str:
    """Without the part of the model that it begins with."""
    return name.partition('.')[2]
