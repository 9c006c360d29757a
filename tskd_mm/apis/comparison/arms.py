"""The trainings that tell whether a distillation helps: with it, and without."""

from copy import deepcopy
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import MODELS, init_default_scope

from ...engine import (
    LossBalanceHook,
    LossWeightHook,
    TSKDMemoryHook,
    TSKDVisualizationHook,
)
from ...engine.distiller_hook import DistillerHook
from ...engine.hook_config import hook_class
from ...models import TSKDDistiller, find_model
from ..read_config import memory_hook_of
from .study import PLAIN

STATIC, TSKD = 'static', 'tskd'
LOSSES = ('feature_losses', 'logit_losses', 'head_losses')


def make_arms(config: Config) -> dict[str, Config]:
    """Configs of the student alone, with static losses, and as it is, by name.

    They differ in the distillation and in nothing else. One that the config has nothing
    for is left out: ``tskd`` without a review, ``static`` without a static loss.

    Args:
        config: Of a distillation.

    Raises:
        ValueError: If it is none, or its student cannot be found.
    """
    config = plain_types(config)
    init_default_scope(config.get('default_scope') or 'mmengine')
    _check_distillation(config)
    arms = {PLAIN: student_alone(config)}
    if any(_losses(config)):
        arms[STATIC] = without_review(config)
    if has_review(config):
        arms[TSKD] = config
    return arms


def plain_types(config: Config) -> Config:
    """A copy whose types are names, as those of pure-Python configs are not."""
    return Config(deepcopy(config.to_dict()))


def student_alone(config: Config) -> Config:
    """The plain student's config: no teacher, no hook of the distillation."""
    config = plain_types(config)
    model = config.model
    common = model.get('data_preprocessor') or config.get('data_preprocessor')
    config.model = find_model(model.student, 'student', common).config
    hooks = config.get('custom_hooks') or []
    config.custom_hooks = [h for h in hooks if not _is_ours(h)]
    paramwise = (config.get('optim_wrapper') or {}).get('paramwise_cfg') or {}
    if 'custom_keys' in paramwise:
        keys = paramwise['custom_keys'].items()
        paramwise['custom_keys'] = {k.removeprefix('student.'): v for k, v in keys}
    return config


def _is_ours(hook: dict[str, Any]) -> bool:
    return issubclass(hook_class(hook) or Hook, DistillerHook)


def without_review(config: Config) -> Config:
    """The config with its static losses alone."""
    config = plain_types(config)
    config.model.review = None
    kept = [_without_review(hook) for hook in config.get('custom_hooks') or []]
    config.custom_hooks = [hook for hook in kept if hook is not None]
    return config


def _without_review(hook: dict[str, Any]) -> dict[str, Any] | None:
    kind = hook_class(hook) or Hook
    if issubclass(kind, TSKDVisualizationHook):
        return None
    if issubclass(kind, TSKDMemoryHook):
        shared = ('priority', 'save_state', 'preflight')
        kept = {name: hook[name] for name in shared if name in hook}
        return {'type': 'DistillationHook', **kept}
    for setting in ('factors', 'shares'):
        if issubclass(kind, (LossWeightHook, LossBalanceHook)) and setting in hook:
            others = {n: v for n, v in hook[setting].items() if n != 'review'}
            return {**hook, setting: others} if others else None
    return hook


def has_review(config: Config) -> bool:
    """Whether the config's distiller has a review."""
    return config.model.get('review', {}) is not None


def check_reviews(config: Config) -> None:
    """Check that a training is long enough for a review, if it has any.

    Raises:
        ValueError: If it is not; one in iterations is not looked at.
    """
    hook = memory_hook_of(config)
    if hook is not None and hook.by_epoch:
        hook.schedule.check_length(config.train_cfg.get('max_epochs', 0), 'epoch')


def _losses(config: Config) -> list[Any]:
    model = config.model
    return [model.get(name, name == 'feature_losses') for name in LOSSES]


def _check_distillation(config: Config) -> None:
    kind = (config.get('model') or {}).get('type')
    found = MODELS.get(kind) if kind else None
    if not (isinstance(found, type) and issubclass(found, TSKDDistiller)):
        raise ValueError(
            f'the model must be a TSKDDistiller with a teacher to compare with, but it '
            f'is {kind}: give the config of a distillation, not that of the student'
        )
    if None in [
        config.get(f'val_{part}') for part in ('cfg', 'dataloader', 'evaluator')
    ]:
        raise ValueError(
            'the config has no validation to compare by: add val_cfg, val_dataloader '
            'and val_evaluator'
        )
