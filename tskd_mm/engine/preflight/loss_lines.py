"""The losses in force, and which config each of them is from."""

from collections.abc import Iterator

from mmengine.config import Config
from torch import nn

from ...models.distillers.tskd_distiller import TSKDDistiller
from ...models.losses.feature_loss import LevelLosses, PyramidLoss
from ...models.losses.head_loss import HeadLoss
from .config_files import ConfigFile, files_of

DEFAULT, ELSEWHERE = 'default', 'from --cfg-options or code'


def loss_lines(config: Config, model: TSKDDistiller) -> Iterator[tuple[str, str]]:
    """For each added loss its name, class, weights and where it is set.

    Args:
        config: Of the training.
        model: Its distiller.

    Yields:
        Lines, and after those of each group a warning where its losses act together
        because a config is merged with its base; the other text is empty.
    """
    for group, losses in _groups(model).items():
        origins = _origins(config, group, [*losses])
        for name, loss in losses.items():
            facts = [type(_inner(loss)).__name__, *_weights(loss, name, model)]
            yield f'{name}: {", ".join(facts)} ({origins[name]})', ''
        if len(set(origins.values()) - {DEFAULT, ELSEWHERE}) > 1:
            yield '', _merged(group, origins)


def _merged(group: str, origins: dict[str, str]) -> str:
    each = ', '.join(f'{name} ({origin})' for name, origin in origins.items())
    return (
        f'{group} of several configs act together, {each}, because a config is merged '
        'with its base: to replace those of the base write '
        f'{group}=dict(_delete_=True, ...)'
    )


def _groups(model: TSKDDistiller) -> dict[str, dict[str, nn.Module]]:
    """The losses by the argument that sets them, and by name."""
    static = model.static_losses
    groups = {
        'feature_losses': dict(static.features.items()),
        'logit_losses': dict(static.logits.items()),
        'head_losses': dict(static.heads.items()),
    }
    if model.review is not None:
        groups['review'] = {'review': model.review}
    return groups


def _inner(loss: nn.Module) -> nn.Module:
    if isinstance(loss, LevelLosses):
        return loss.losses[0]
    return loss.loss if isinstance(loss, (PyramidLoss, HeadLoss)) else loss


def _weights(loss: nn.Module, name: str, model: TSKDDistiller) -> Iterator[str]:
    for key, weight in vars(_inner(loss)).items():
        if key.endswith('_weight') and isinstance(weight, (int, float)):
            yield f'{key.removeprefix("loss_").replace("_", " ")} {weight:g}'
    for part in loss.names if isinstance(loss, HeadLoss) else [name]:
        if part in model.balance.shares:
            yield f"share {model.balance.shares[part]:g} of the task's gradient"
        if part in model.loss_factors:
            yield f'at first times {model.loss_factors[part]:g}'


def _origins(config: Config, group: str, names: list[str]) -> dict[str, str]:
    """The most derived config whose text names each of them."""
    # Of a model that was built in code nothing is known.
    if group not in config.get('model', {group: None}):
        return dict.fromkeys(names, DEFAULT)
    origins: dict[str, str] = {}
    file = files_of(config)
    for part in file.chain() if file else ():
        found = _settings(part) if group == 'review' else part.names_in(group)
        for name in found.intersection(names):
            origins.setdefault(name, part.name)
    return {name: origins.get(name, ELSEWHERE) for name in names}


def _settings(file: ConfigFile) -> set[str]:
    """Names in its text but for those in hooks, which name losses too."""
    return {key for key, _ in file.pairs} - file.names_in('custom_hooks')
