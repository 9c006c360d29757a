"""Unpickles tensors and what training tools save next to them; runs no code."""

import builtins
import pickle
from types import SimpleNamespace
from typing import Any

from torch._weights_only_unpickler import _get_allowed_globals

# Packages whose objects checkpoints hold in addition to the weights.
HOSTS = ('mmengine', 'mmcv', 'mmdet', 'mmpretrain', 'mmcls')
RECORDS = (*HOSTS, 'argparse', 'collections', 'datetime', 'numpy', 'pathlib')
# How numpy's bytes and mmengine's log buffers are written.
CALLS = ('_codecs.encode', 'builtins.getattr', '__builtin__.getattr')


class _Inert:
    """Replaces an object that is not a tensor, and ignores whatever is done to it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, *args: Any, **kwargs: Any) -> '_Inert':
        return self

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, item: Any) -> None: ...

    def extend(self, items: Any) -> None: ...


class RunsCode(Exception):
    """A file would run something when it is loaded: its module and name."""


class _TensorUnpickler(pickle.Unpickler):
    """Builds what ``torch.load(weights_only=True)`` allows and refuses the rest.

    What training tools are known to save next to the weights, such as mmengine's log
    buffers, becomes inert: ``weights_only`` would refuse these files too.
    """

    def find_class(self, module: str, name: str) -> Any:
        allowed = _get_allowed_globals().get(f'{module}.{name}')
        if allowed is None and not _is_record(module, name):
            raise RunsCode(module, name)
        return allowed or _Inert


def _is_record(module: str, name: str) -> bool:
    if f'{module}.{name}' in CALLS:
        return True
    if module in ('builtins', '__builtin__'):
        return isinstance(getattr(builtins, name, None), type)
    return module.partition('.')[0] in RECORDS


safe_pickle = SimpleNamespace(
    __name__='tskd_mm.safe_pickle',
    Unpickler=_TensorUnpickler,
    load=lambda file, **kwargs: _TensorUnpickler(file, **kwargs).load(),
)
