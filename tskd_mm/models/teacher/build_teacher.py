"""Builds the teacher from its config and brings in its weights."""

import logging

import torch
from mmengine.logging import print_log
from mmengine.registry import MODELS
from torch import nn

from ..loading.model_config import ModelSource
from ..loading.strict_loading import load_strictly


def untrained(source: ModelSource) -> str:
    """The warning about a teacher without a checkpoint."""
    return (
        f'teacher_checkpoint is None: the teacher {source.name} keeps its initial '
        'weights and has nothing to teach unless its own config loads some'
    )


def build_teacher(
    source: ModelSource, checkpoint: str | None, trust: bool = False
) -> nn.Module:
    """Build the teacher and bring in its weights.

    The random state is left as it was, so that the student starts and trains as it
    would without a teacher.

    Args:
        source: The teacher's config.
        checkpoint: Path, URL, or None for the config's own initial weights.
        trust: Run what is in the checkpoint file; see ``read_checkpoint``.

    Raises:
        ValueError: If the weights do not fit.
    """
    with torch.random.fork_rng(devices=[]):
        model = MODELS.build(source.config)
        if checkpoint is None:
            model.init_weights()
    if checkpoint is None:
        print_log(untrained(source), logger='current', level=logging.WARNING)
        return model
    load_strictly(model, checkpoint, trust)
    print_log(f'teacher {source.name}: weights from {checkpoint}', logger='current')
    return model
