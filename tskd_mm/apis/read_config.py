"""Reads the config that a tool is given, and what it says about reviews."""

import sys
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook

from ..engine import TSKDMemoryHook
from ..engine.hook_config import build_hook, hook_class


def read_config(file: str | Path, options: dict[str, Any] | None = None) -> Config:
    """The config with the changes of ``--cfg-options``.

    Ends the program with one line where there is no such file.
    """
    if not Path(file).is_file():
        sys.exit(f'there is no config file {file}')
    config = Config.fromfile(file)
    config.merge_from_dict(options or {})
    return config


def memory_hook_of(config: Config) -> TSKDMemoryHook | None:
    """The config's TSKDMemoryHook, built as by its runner; None if it has none."""
    for hook in config.get('custom_hooks') or []:
        if issubclass(hook_class(hook) or Hook, TSKDMemoryHook):
            return build_hook(hook)
    return None
