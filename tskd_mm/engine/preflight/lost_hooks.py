"""Hooks of the student's own config that a distillation has lost.

A list in a config replaces that of its base: without a word a student then trains
without its EMA, or without what its last epochs change.
"""

from collections.abc import Iterator

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..distiller_hook import DistillerHook
from ..hook_config import hook_class
from .config_files import ConfigFile, files_of

KEEP = "keep them with custom_hooks=[*_base_.get('custom_hooks', []), ...]"


def lost_hooks(runner: Runner) -> Iterator[tuple[str, str]]:
    """Compare a training's hooks with those of the configs that the student is from.

    These are the bases that are not distillations, and the student's config where it
    is given by its name. Nothing is known of a config without bases, such as the one
    in the folder of a run, and of pure-Python configs.

    Args:
        runner: Its hooks are registered.

    Yields:
        For each of these configs that has lost some, a line and a warning.
    """
    for source, advice in _sources(runner.cfg):
        content = Config.fromfile(str(source.path), import_custom_modules=False)
        hooks = content.get('custom_hooks') or []
        names = [_name(hook) for hook in hooks if _is_lost(hook_class(hook), runner)]
        if names:
            lost = f'{", ".join(names)} of {source.name}'
            reason = 'because custom_hooks replaces the list of a base'
            yield f'lost: {lost}', f'hooks lost: {lost}, {reason}; {advice}'


def _sources(config: Config) -> Iterator[tuple[ConfigFile, str]]:
    student, file = config.get('model', {}).get('student'), files_of(config)
    if isinstance(student, str):
        yield ConfigFile.named(student), 'add them to custom_hooks'
    for base in _hosts(file) if file else ():
        if base.name != student:
            yield base, KEEP


def _hosts(file: ConfigFile) -> Iterator[ConfigFile]:
    for base in file.bases:
        if any(_has(part, 'student') for part in base.chain()):  # a distillation
            yield from _hosts(base)
        elif any(_has(part, 'custom_hooks') for part in base.chain()):
            yield base  # only these are loaded, which can take seconds


def _has(file: ConfigFile, name: str) -> bool:
    return any(key == name for key, _ in file.pairs)


def _is_lost(kind: type[Hook] | None, runner: Runner) -> bool:
    """Whether a hook of the host does not run, nor a child of it."""
    if kind is None:  # what registers it is not even imported
        return True
    ours = issubclass(kind, DistillerHook)
    return not ours and not any(isinstance(hook, kind) for hook in runner.hooks)


def _name(hook: dict) -> str:
    kind = hook['type']
    return kind if isinstance(kind, str) else kind.__name__
