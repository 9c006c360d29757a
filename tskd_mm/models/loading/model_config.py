"""Finds out what a user means by "this model"."""

from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.hub import get_config

from .checkpoint_file import check_file


@dataclass
class ModelSource:
    """A model config and where it came from.

    Attributes:
        config: Ready for ``MODELS.build``.
        name: As the user wrote it, for messages.
        dataset: Config of the data set that the model is tested on, if there is one.
    """

    config: dict
    name: str
    dataset: dict | None = None

    def weights(self, checkpoint: str | None) -> str | None:
        """Where the model's trained weights are; reads nothing.

        Args:
            checkpoint: Path, URL, ``'auto'`` for the weights in the host's model index,
                or None for none.

        Returns:
            A path or a URL, or None.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If ``'auto'`` finds none.
        """
        if checkpoint == 'auto':
            return self.weights_in_index()
        if checkpoint is not None:
            check_file(checkpoint)
        return checkpoint

    def weights_in_index(self) -> str:
        """Where the host's model index says the trained weights are.

        Raises:
            ValueError: If the index lists none.
        """
        advice = 'give teacher_checkpoint the path or URL of its weights'
        if '::' not in self.name:
            raise ValueError(
                "teacher_checkpoint='auto' looks the weights up in the host's model "
                "index and needs a teacher like 'mmdet::retinanet/"
                f"retinanet_r101_fpn_1x_coco.py', but got {self.name}: {advice}"
            )
        try:
            weights = get_config(self.name, pretrained=True).get('model_path')
        except (AssertionError, ValueError):  # no weights, or a name like 'gn+ws/...'
            weights = None
        if not weights:
            raise ValueError(
                f'the model index lists no weights for {self.name}: {advice}'
            )
        return weights


def find_model(
    source: str | dict, role: str, data_preprocessor: dict | None = None
) -> ModelSource:
    """Config of a model given as a dict, a path or ``'mmdet::...'``.

    Args:
        source: The model's own config dict, the path of a config file, or the name
            of a config in an installed package (``'mmdet::retinanet/...py'``).
        role: ``'student'`` or ``'teacher'``, for messages.
        data_preprocessor: Used where a config dict has none of its own.

    Raises:
        TypeError: If ``source`` is neither.
        FileNotFoundError: If there is no such config file.
        ValueError: If the config describes no model, or its file cannot be loaded.
    """
    if isinstance(source, dict):
        if 'type' not in source:
            raise ValueError(
                f'{role} must be the config of a model, with its type, but got a dict '
                f'of {[*source]}: write {role}=_base_.model, or give the path of the '
                'config file'
            )
        model = deepcopy(source)
        if data_preprocessor is not None:
            model.setdefault('data_preprocessor', data_preprocessor)
        return ModelSource(model, f'a {model.get("type")} config dict')
    if not isinstance(source, (str, Path)):
        raise TypeError(
            f"{role} must be a config dict, the path of a config file or 'mmdet::...',"
            f' but got {source!r}'
        )
    config = _read(str(source), role)
    if 'model' not in config:
        raise ValueError(f'the {role} config {source} has no entry "model"')
    model = ConfigDict(config.model)
    if 'data_preprocessor' in config:
        model.setdefault('data_preprocessor', config.data_preprocessor)
    scope = str(source).partition('::')[0] if '::' in str(source) else None
    if scope := config.get('default_scope', scope):
        model.setdefault('_scope_', scope)
    loader = config.get('test_dataloader') or {}
    return ModelSource(model, str(source), loader.get('dataset'))


def config_path(source: str) -> Path | None:
    """Where a config is; None if there is no such file.

    Args:
        source: Its path, or ``'mmdet::...'``.
    """
    if '::' not in source:
        return Path(source) if Path(source).is_file() else None
    package, _, path = source.partition('::')
    spec = find_spec(package) if package.isidentifier() else None
    folders = (spec and spec.submodule_search_locations) or []
    files = (Path(folder, '.mim', 'configs', path) for folder in folders)
    return next(filter(Path.is_file, files), None)


def _read(source: str, role: str) -> Config:
    path = config_path(source)
    if path is None:
        raise FileNotFoundError(
            f'the {role} config {source} was not found: give the path of a config '
            "file or the name of one in an installed package, such as 'mmdet::"
            "retinanet/retinanet_r50_fpn_1x_coco.py'"
        )
    try:
        return Config.fromfile(path)
    except Exception as error:  # whatever the code in a config comes up with
        raise ValueError(
            f'the {role} config {source} is there, but it cannot be loaded '
            f'({_reason(error)}): correct it, or what it imports or names in _base_'
        ) from error


def _reason(error: BaseException) -> str:
    """What was raised first, in one line."""
    while error.__cause__ or (isinstance(error, ImportError) and error.__context__):
        error = error.__cause__ or error.__context__ or error
    [text, *_] = str(error).splitlines() or ['']
    return f'{type(error).__name__}: {text}'
