"""What a trained model's classes are called."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.registry import DATASETS

from .checkpoint import read_checkpoint
from .model_config import ModelSource


def class_names(
    source: ModelSource, checkpoint: str | None, trust: bool = False
) -> Sequence[str] | None:
    """Names that the checkpoint keeps, else those of the config's data set.

    Args:
        source: The model's config.
        checkpoint: Path or URL of its weights, or None.
        trust: See :func:`.read_checkpoint`.

    Returns:
        In the order of the scores; None if neither names them.
    """
    content = {} if checkpoint is None else read_checkpoint(checkpoint, trust)
    return _saved(content) or _of_dataset(source)


def _saved(content: Any) -> Sequence[str] | None:
    meta = content.get('meta') if isinstance(content, Mapping) else None
    if not isinstance(meta, Mapping):
        return None
    known = meta.get('dataset_meta')
    found = known.get('classes') if isinstance(known, Mapping) else meta.get('CLASSES')
    return found if isinstance(found, Sequence) and len(found) else None


def _of_dataset(source: ModelSource) -> Sequence[str] | None:
    dataset: Any = source.dataset or {}
    while 'dataset' in dataset:  # a wrapper
        dataset = dataset['dataset']
    own = (dataset.get('metainfo') or {}).get('classes')
    if own or not isinstance(dataset.get('type'), str):
        return own
    with DATASETS.switch_scope_and_registry(source.config.get('_scope_')) as registry:
        found = registry.get(dataset['type'])
    return getattr(found, 'METAINFO', {}).get('classes')
