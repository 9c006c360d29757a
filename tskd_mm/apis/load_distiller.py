"""The distiller of a training, as it was when a checkpoint was saved."""

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from ..engine.log_level import log_level
from ..models.distillers.tskd_distiller import TSKDDistiller
from ..models.loading.checkpoint import load_weights, read_checkpoint
from ..models.loading.strict_loading import fit


def load_distiller(config: Config, checkpoint: Path) -> TSKDDistiller:
    """Student, teacher, predictors and memories, in eval mode.

    Raises:
        TypeError: If the config's model is not a TSKDDistiller.
        ValueError: If the checkpoint has no memories, or it is of another student.
    """
    init_default_scope(config.get('default_scope', 'mmdet'))
    if 'data_preprocessor' in config:  # as the runner does
        config.model.setdefault('data_preprocessor', config.data_preprocessor)
    model = MODELS.build(config.model)
    if not isinstance(model, TSKDDistiller):
        raise TypeError(
            f'the model of the config must be a TSKDDistiller, but it is '
            f'{type(model).__name__}: give the config that the student was distilled '
            'with'
        )
    weights = load_weights(str(checkpoint))
    state = read_checkpoint(str(checkpoint)).get('tskd') or {}
    if not state.get('memories'):
        raise ValueError(
            f"{checkpoint} holds no memories (entry 'tskd'): give a checkpoint that a "
            'training with TSKDMemoryHook saved'
        )
    with log_level('WARNING'):  # it would list every weight of the student
        model.init_weights()  # brings in the teacher
    fit(model.student, weights, str(checkpoint))
    model.load_tskd_state(state)
    return model.eval()
