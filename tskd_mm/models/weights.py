"""Reads model weights from a checkpoint file without running what is in it."""

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import BadZipFile

import torch
from torch import Tensor, nn
from torch._weights_only_unpickler import _get_allowed_globals
from torch.hub import download_url_to_file, get_dir

ENTRIES = ('state_dict', 'model')  # where checkpoints keep the weights


class _Inert:
    """Stands in for an object that is no tensor; ignores what is done to it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, *args: Any, **kwargs: Any) -> '_Inert':
        return self

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, item: Any) -> None: ...

    def extend(self, items: Any) -> None: ...


class _TensorUnpickler(pickle.Unpickler):
    """Builds what ``torch.load(weights_only=True)`` allows; the rest becomes inert.

    Checkpoints of mmengine hold log buffers and other objects beside the weights, for
    which ``weights_only`` refuses the whole file.
    """

    def find_class(self, module: str, name: str) -> Any:
        return _get_allowed_globals().get(f'{module}.{name}', _Inert)


_safe_pickle = SimpleNamespace(
    __name__='tskd_mm.safe_pickle',
    Unpickler=_TensorUnpickler,
    load=lambda file, **kwargs: _TensorUnpickler(file, **kwargs).load(),
)


def load_weights(checkpoint: str) -> dict[str, Tensor]:
    """State dict in a checkpoint file, on the CPU.

    Only tensors are read: no code in the file is run. A ``state_dict`` or ``model``
    entry is taken if there is one, and the prefix ``module.`` is dropped.

    Args:
        checkpoint: Path, or URL (downloaded once into the cache of torch.hub).

    Raises:
        FileNotFoundError: If there is no such file.
        ConnectionError: If the URL cannot be fetched.
        ValueError: If the file is truncated, or holds no weights.
    """
    path = _local_file(checkpoint)
    try:
        content = torch.load(path, 'cpu', _safe_pickle, weights_only=False)
    except (RuntimeError, EOFError, pickle.UnpicklingError, BadZipFile) as error:
        raise ValueError(
            f'{path} cannot be read as a checkpoint; it is truncated or no checkpoint '
            f'at all ({error}): check the file or download it again'
        ) from error
    for entry in ENTRIES:
        if isinstance(content, dict) and isinstance(content.get(entry), dict):
            content = content[entry]
    if not isinstance(content, dict) or not any(map(torch.is_tensor, content.values())):
        raise ValueError(
            f'{path} holds no weights: expected a state dict, or one under the key '
            f"'state_dict' or 'model'"
        )
    return {
        name.removeprefix('module.'): value
        for name, value in content.items()
        if torch.is_tensor(value)
    }


def load_strictly(model: nn.Module, checkpoint: str) -> None:
    """Load a checkpoint into a model whose every weight it must match.

    Raises:
        ValueError: If a key is missing, unexpected or of another shape; lists all.
    """
    found = load_weights(checkpoint)
    check_match(model, found, checkpoint)
    model.load_state_dict(found)


def check_match(model: nn.Module, found: dict[str, Tensor], origin: str) -> None:
    """Compare a state dict with what a model needs.

    Args:
        model: Needs every key, in its shape, and no other.
        found: The state dict.
        origin: Where it came from, for the message.

    Raises:
        ValueError: If a key is missing, unexpected or of another shape; lists all.
    """
    expected = model.state_dict()
    # Batch norm's step counters, which files from before PyTorch 0.4.1 do not have.
    optional = {name for name in expected if name.endswith('num_batches_tracked')}
    missing = expected.keys() - optional - found.keys()
    problems = [
        *(f'missing: {name}' for name in expected if name in missing),
        *(f'unexpected: {name}' for name in found if name not in expected),
        *(
            f'shape of {name}: expected {tuple(expected[name].shape)}, '
            f'found {tuple(found[name].shape)}'
            for name in expected
            if name in found and expected[name].shape != found[name].shape
        ),
    ]
    if problems:
        raise ValueError(
            f'{origin} does not fit {type(model).__name__} '
            f'({len(problems)} problems): give the weights that were trained with '
            'this very config\n  ' + '\n  '.join(problems)
        )


def _local_file(checkpoint: str) -> Path:
    if not checkpoint.startswith(('http://', 'https://')):
        path = Path(checkpoint).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f'there is no checkpoint file {checkpoint}')
        return path
    path = Path(get_dir(), 'checkpoints', checkpoint.rsplit('/', 1)[-1])
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            download_url_to_file(checkpoint, str(path))
        except OSError as error:
            raise ConnectionError(
                f'{checkpoint} cannot be downloaded ({error}): download it on a '
                'machine with access and give teacher_checkpoint its path'
            ) from error
    return path
