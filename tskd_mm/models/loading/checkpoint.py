"""Reads model weights from a checkpoint file without running what is in it."""

import builtins
import pickle
from collections import OrderedDict
from collections.abc import Container, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile, is_zipfile

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.logging import print_log
from torch import Tensor, nn
from torch._weights_only_unpickler import _get_allowed_globals
from torch.hub import download_url_to_file, get_dir

ENTRIES = ('state_dict', 'model')  # where checkpoints keep the weights
# Packages whose objects checkpoints hold in addition to the weights.
HOSTS = ('mmengine', 'mmcv', 'mmdet', 'mmpretrain', 'mmcls')
RECORDS = (*HOSTS, 'argparse', 'collections', 'datetime', 'numpy', 'pathlib')
# How numpy's bytes and mmengine's log buffers are written.
CALLS = ('_codecs.encode', 'builtins.getattr', '__builtin__.getattr')
LEFTOVERS = ('data_preprocessor.', 'ema_')


class _Inert:
    """Replaces an object that is not a tensor, and ignores whatever is done to it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, *args: Any, **kwargs: Any) -> '_Inert':
        return self

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, item: Any) -> None: ...

    def extend(self, items: Any) -> None: ...


class _RunsCode(Exception):
    """A file names something that would run when it is loaded."""


class _TensorUnpickler(pickle.Unpickler):
    """Builds what ``torch.load(weights_only=True)`` allows and refuses the rest.

    What training tools are known to save next to the weights, such as mmengine's log
    buffers, becomes inert: ``weights_only`` would refuse these files too.
    """

    def find_class(self, module: str, name: str) -> Any:
        allowed = _get_allowed_globals().get(f'{module}.{name}')
        if allowed is None and not _is_record(module, name):
            raise _RunsCode(f'{module}.{name}')
        return allowed or _Inert


def _is_record(module: str, name: str) -> bool:
    if f'{module}.{name}' in CALLS:
        return True
    if module in ('builtins', '__builtin__'):
        return isinstance(getattr(builtins, name, None), type)
    return module.partition('.')[0] in RECORDS


_safe_pickle = SimpleNamespace(
    __name__='tskd_mm.safe_pickle',
    Unpickler=_TensorUnpickler,
    load=lambda file, **kwargs: _TensorUnpickler(file, **kwargs).load(),
)


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
    path = _local_file(checkpoint)
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
        return torch.load(path, 'cpu', _safe_pickle, weights_only=False)
    except _RunsCode as error:
        raise ValueError(
            f'{path} would run {error} when it is loaded, which weights do not '
            'need: nothing was run; get a checkpoint of weights, or if you know who '
            'made this file and trust it, set trust_teacher_checkpoint=True'
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


def check_file(checkpoint: str) -> None:
    """Check that a checkpoint is there; a URL is taken as it is.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not _is_url(checkpoint) and not Path(checkpoint).expanduser().is_file():
        raise FileNotFoundError(f'there is no checkpoint file {checkpoint}')


def _is_url(checkpoint: str) -> bool:
    return checkpoint.startswith(('http://', 'https://'))


def _local_file(checkpoint: str) -> Path:
    if not _is_url(checkpoint):
        check_file(checkpoint)
        return Path(checkpoint).expanduser()
    path = Path(get_dir(), 'checkpoints', checkpoint.rsplit('/', 1)[-1])
    try:
        if is_main_process():
            _download(checkpoint, path)
    finally:
        barrier()  # the others of this machine find the file then
    _download(checkpoint, path)
    return path


def _download(url: str, path: Path) -> None:
    """Unless the file is there."""
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        download_url_to_file(url, str(path))
    except OSError as error:
        raise ConnectionError(
            f'{url} cannot be downloaded ({error}): download it on a machine with '
            'access and give teacher_checkpoint its path'
        ) from error
