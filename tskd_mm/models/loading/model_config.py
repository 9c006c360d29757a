"""Finds out what a user means by "this model"."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.hub import get_config
from mmengine.registry import DATASETS


@dataclass
class ModelSource:
    """A model config and where it came from.

    Attributes:
        config: Ready for ``MODELS.build``.
        name: As the user wrote it, for messages.
        classes: Names of the classes of the config's data set, if it tells them.
    """

    config: dict
    name: str
    classes: Sequence[str] | None = None

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
        except AssertionError:  # an entry of the index without any
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
        ValueError: If the config file describes no model.
    """
    if isinstance(source, dict):
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
    if 'default_scope' in config:
        model.setdefault('_scope_', config.default_scope)
    return ModelSource(model, str(source), _classes(config))


def _classes(config: Config) -> Sequence[str] | None:
    """Of the data set that the config tests on; wrappers are looked into."""
    dataset = config.get('test_dataloader', {}).get('dataset', {})
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    if 'classes' in dataset.get('metainfo', {}):
        return dataset['metainfo']['classes']
    if 'type' not in dataset:
        return None
    with DATASETS.switch_scope_and_registry(config.get('default_scope')) as registry:
        found = registry.get(dataset['type'])
    return getattr(found, 'METAINFO', {}).get('classes')


def _read(source: str, role: str) -> Config:
    try:
        return get_config(source) if '::' in source else Config.fromfile(source)
    except (FileNotFoundError, ImportError, AssertionError) as error:
        raise FileNotFoundError(
            f'the {role} config {source} was not found: give the path of a config '
            "file or the name of one in an installed package, such as 'mmdet::"
            "retinanet/retinanet_r50_fpn_1x_coco.py'"
        ) from error
