"""Reads model weights from a checkpoint file without running what is in it."""

from collections import OrderedDict
from typing import Any
from zipfile import ZipFile, is_zipfile

import torch
from torch import Tensor

from .checkpoint_file import local_file
from .safe_pickle import RunsCode, safe_pickle

ENTRIES = ('state_dict', 'model')  # where checkpoints keep the weights


def read_checkpoint(checkpoint: str, trust: bool = False) -> Any:
    """What is in a checkpoint file, tensors on the CPU; no code in it is run.

    Args:
        checkpoint: Path, or URL (downloaded once into the cache of torch.hub).
        trust: Run what is in it, as ``torch.load(weights_only=False)`` does.

    Raises:
        FileNotFoundError: If there is no such file.
        ConnectionError: If the URL cannot be fetched.
        ValueError: If the file is truncated or no checkpoint, or would run code.
    """
    path = local_file(checkpoint)
    if trust:
        return torch.load(path, 'cpu', weights_only=False)
    if is_zipfile(path) and any(
        name.endswith('/constants.pkl') for name in ZipFile(path).namelist()
    ):
        raise ValueError(
            f'{path} is a TorchScript program, which would have to be run to be read: '
            'give a checkpoint of weights'
        )
    try:
        return torch.load(path, 'cpu', safe_pickle, weights_only=False)
    except RunsCode as error:
        raise ValueError(
            f'{path} would run {".".join(error.args)} when it is loaded, which weights '
            'do not need: nothing was run; get a checkpoint of weights, or if you know '
            'who made this file and trust it, set trust_teacher_checkpoint=True'
        ) from error
    except Exception as error:  # what is not a checkpoint can fail in any way
        raise ValueError(
            f'{path} cannot be read as a checkpoint; it is truncated or no checkpoint '
            f'at all ({error}): check the file or download it again'
        ) from error


def unwrap(content: Any) -> Any:
    """What stands under ``state_dict`` or ``model``; else the content itself."""
    for entry in ENTRIES:
        if isinstance(content, dict) and isinstance(content.get(entry), dict):
            content = content[entry]
    return content


def load_weights(checkpoint: str, trust: bool = False) -> OrderedDict[str, Tensor]:
    """State dict in a checkpoint file: see :func:`read_checkpoint`.

    A ``state_dict`` or ``model`` entry is taken if there is one, and the prefix
    ``module.`` is dropped.

    Raises:
        ValueError: If the file holds no weights.
    """
    content = unwrap(read_checkpoint(checkpoint, trust))
    if not isinstance(content, dict) or not any(map(torch.is_tensor, content.values())):
        raise ValueError(
            f'{checkpoint} holds no weights: expected a state dict, or one under the '
            "key 'state_dict' or 'model'"
        )
    weights = OrderedDict(
        (name.removeprefix('module.'), value)
        for name, value in content.items()
        if torch.is_tensor(value)
    )
    # Modules convert old names by the version that is recorded here.
    versions = getattr(content, '_metadata', {})
    weights.__dict__['_metadata'] = {
        name.removeprefix('module').removeprefix('.'): version
        for name, version in versions.items()
    }
    return weights
