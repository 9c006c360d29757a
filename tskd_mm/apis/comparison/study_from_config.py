"""Makes a study of the config of one distillation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import MODELS

from ...engine.distiller_hook import DistillerHook
from ...engine.hook_config import build_hook
from ...models import TSKDDistiller, find_model
from .arm_options import changed
from .arms import PLAIN, STATIC, TSKD, check_reviews, make_arms
from .short_schedule import set_epochs
from .study import Study
from .table import Row, find_rows, metric_of

PERCENT = ('accuracy/', 'single-label/', 'multi-label/')  # metrics of mmpretrain
BACKENDS = [{'type': 'LocalVisBackend'}]  # the numbers of a training, for the table


def config_arms(
    config: Config, named: Mapping[str, Sequence[str]], epochs: int | None = None
) -> dict[str, Config]:
    """All configs to compare, checked as far as that goes without training.

    Args:
        config: Of a distillation.
        named: Further arms: changes of the config by name.
        epochs: Of all trainings. Default: the config's own.

    Raises:
        ValueError: If there is anything wrong with the config or the changes.
    """
    arms = make_arms(config)
    for name, options in named.items():
        with _named(name):
            arms[name] = changed(config, options)
    for name, arm in arms.items():
        if epochs is not None:
            set_epochs(arm, epochs)
        _keep_files_apart(arm)
        with _named(name):
            check_reviews(arm)
            _check_parts(arm)
    return arms


@contextmanager
def _named(arm: str) -> Iterator[None]:
    """What is raised inside tells of which arm it is."""
    try:
        yield
    except (KeyError, OSError, TypeError, ValueError) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        message = f'arm {arm}: {text}'
        raise ValueError(message) from error


def make_study(
    name: str,
    arms: Mapping[str, Config],
    folder: Path,
    seeds: int,
    metric: str,
    resolve: float,
) -> Study:
    """Write the arms' configs, and say what is compared with what.

    Args:
        name: Of the study.
        arms: From :func:`config_arms`.
        folder: For the configs.
        seeds: How many, from 0.
        metric: Of the study.
        resolve: Of the study.
    """
    folder.mkdir(parents=True, exist_ok=True)
    methods = {}
    for arm, config in arms.items():
        methods[arm] = folder / f'{arm}.py', ()
        config.dump(folder / f'{arm}.py')
    return Study(
        name,
        Path().absolute(),
        metric,
        methods,
        tuple(range(seeds)),
        tuple(_comparisons([*arms])),
        resolve=resolve,
        cost='seconds',
    )


def configured_metric(config: Config) -> str:
    """The metric by which the config chooses its best checkpoint, or empty."""
    hook = (config.get('default_hooks') or {}).get('checkpoint') or {}
    best = hook.get('save_best') or ''
    name = best if isinstance(best, str) else best[0]
    return '' if name == 'auto' else name


def with_results(study: Study, rows: Sequence[Row]) -> Study:
    """The study with the metric that its trainings have, shares in percent."""
    metric = study.metric or metric_of(rows, study.trials())
    found = find_rows(rows, study.trials(), metric).values()
    values = [value for row in found for value in (row.last, row.best)]
    shares = all(0 <= value <= 1 for value in values) and 'loss' not in metric
    times = 100.0 if shares and not metric.startswith(PERCENT) else 1.0
    return replace(study, metric=metric, times=times)


def _comparisons(arms: Sequence[str]) -> Iterable[tuple[str, str]]:
    """All with none, and each with what it differs from the least."""
    yield from ((arm, PLAIN) for arm in arms if arm != PLAIN)
    own = [arm for arm in (STATIC, TSKD) if arm in arms]
    yield from ((TSKD, STATIC) for _ in own[1:])
    yield from ((arm, own[-1]) for arm in arms if arm not in (PLAIN, *own))


def _keep_files_apart(config: Config) -> None:
    """What a training writes: into its folder, and little of it."""
    config.resume = False
    default = {'type': 'CheckpointHook', 'interval': 1}
    hook = config.setdefault('default_hooks', {}).setdefault('checkpoint', default)
    if hook is not None:
        hook.pop('out_dir', None)
        hook['max_keep_ckpts'] = 2  # one is whole wherever the other's writing ended
    if config.get('visualizer') is not None:
        config.visualizer['vis_backends'] = BACKENDS


def _check_parts(config: Config) -> None:
    model = config.model
    if 'teacher' in model:
        find_model(model.teacher, 'teacher')
        weights = str(model.get('teacher_checkpoint') or 'auto')
        if weights != 'auto' and '://' not in weights and not Path(weights).is_file():
            raise FileNotFoundError(
                f'there is no teacher_checkpoint {weights}: give the path of its file'
            )
    common = {'data_preprocessor': config.get('data_preprocessor')}
    built = MODELS.build(
        deepcopy({**common, **model} if any(common.values()) else model)
    )
    for hook in map(build_hook, deepcopy(config.get('custom_hooks') or [])):
        if isinstance(hook, DistillerHook) and isinstance(built, TSKDDistiller):
            hook.check_losses(built)
