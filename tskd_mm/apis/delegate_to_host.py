"""Hands a command line to the host package that a config belongs to."""

import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.utils import get_installed_path

HOSTS = ('mmdet', 'mmpretrain')


def delegate_to_host(tool: str) -> None:
    """Run the tool of this name that the host ships, with our command line.

    The host is the config's ``default_scope``, or where it has none that of its model
    and data, so flags and behaviour are the host's own, whatever its version.

    Args:
        tool: Such as ``'train.py'``.
    """
    host = host_of(sys.argv[1:])
    if {'-h', '--help'} & {*sys.argv}:
        print(f'For detectors and classifiers; what follows is the help of {host}.')
    if '--amp' in sys.argv:
        _require_accelerator()
    path = Path(get_installed_path(host), '.mim', 'tools', tool)
    runpy.run_path(str(path), run_name='__main__')


def host_of(arguments: list[str]) -> str:
    """Name of the package that a command line belongs to.

    Ends the program with one line where it belongs to none.
    """
    # One with an equals sign is an option's, unless a folder is called like that.
    files = (a for a in arguments if a.endswith('.py'))
    config = next((a for a in files if '=' not in a or Path(a).is_file()), None)
    if config is None:  # a host's parser says what is missing, or answers --help
        return next(host for host in HOSTS if find_spec(host))
    if not Path(config).is_file():
        sys.exit(f'there is no config file {config}')
    content = Config.fromfile(config)
    scope = content.get('default_scope') or _package_of(content)
    if scope not in HOSTS:
        sys.exit(
            f'{config}: default_scope must be one of {", ".join(HOSTS)}, but got '
            f'{scope!r}: use the tools of the package it belongs to'
        )
    return scope


def _require_accelerator() -> None:
    """Ends the program where mmengine has no mixed precision."""
    device = get_device()
    if device in ('cpu', 'mps'):
        sys.exit(
            '--amp trains in mixed precision, which mmengine has for GPUs (cuda, npu, '
            f'mlu, musa), but PyTorch found only {device!r} here: leave --amp out'
        )


def _package_of(config: Config) -> str | None:
    """The host that model or data come from, as pure-Python configs name them."""
    model = config.get('model') or {}
    dataset = (config.get('train_dataloader') or {}).get('dataset') or {}
    for part in (model.get('student'), model, dataset):
        kind = part if isinstance(part, str) else (part or {}).get('type')
        name = kind if isinstance(kind, str) else getattr(kind, '__module__', '')
        package = re.split(r'::|\.', name)[0]
        if package in HOSTS:
            return package
    return None
