"""Hooks as a config has them."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS


def hook_class(config: dict[str, Any]) -> type[Hook] | None:
    """Class of a hook's config; None if nothing has registered it."""
    kind = config['type']
    if not isinstance(kind, str):
        return kind
    with HOOKS.switch_scope_and_registry(config.get('_scope_')) as registry:
        return registry.get(kind)


def build_hook(config: dict[str, Any]) -> Hook:
    """The hook as its runner builds it, which takes the priority for itself."""
    return HOOKS.build({k: v for k, v in config.items() if k != 'priority'})
