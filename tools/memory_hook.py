"""The TSKDMemoryHook that a config asks for."""

from mmengine.config import Config

from tskd_mm.engine import TSKDMemoryHook


def memory_hook(config: Config) -> TSKDMemoryHook | None:
    """Built as its runner would; None if the config has no such hook."""
    for entry in config.get('custom_hooks') or []:
        arguments = dict(entry)
        if arguments.pop('type') == 'TSKDMemoryHook':
            arguments.pop('priority', None)  # the runner's
            return TSKDMemoryHook(**arguments)
    return None
