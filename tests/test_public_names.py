"""What code outside the project imports through the packages, and how it uses it."""

import pytest
import torch
from toys import detection_batch, tiny_distiller

from tskd_mm.engine import ReviewSchedule
from tskd_mm.models import (
    IncrementPredictor,
    TemporalReview,
    TSKDDistiller,
    attention_map,
    find_model,
    increment_sequence,
)
from tskd_mm.models.losses import LogitKLLoss


def test_maps_become_a_sequence_and_a_prediction():
    assert attention_map(torch.rand(2, 3, 5, 7)).shape == (2, 1, 5, 7)
    maps = [
        attention_map(torch.rand(2, 3, 5, 7), normalize=kind)
        for kind in ('column', 'spatial', 'rms')
    ]
    sequence = increment_sequence(maps, torch.rand(2, 1, 5, 7))
    assert sequence.shape == (3, 2, 1, 5, 7)
    predictor = IncrementPredictor(hidden_channels=64, stem_channels=8)
    assert predictor(sequence).shape == (2, 1, 5, 7)
    parts = ['stem', 'encoder', 'forecaster', 'upsample', 'refine', 'head']
    names = [f'{part}.{kind}' for part in parts for kind in ('weight', 'bias')]
    assert list(predictor.state_dict()) == names


@pytest.mark.usefixtures('mmdet_scope')
def test_a_distiller_trains_without_a_runner():
    distiller = tiny_distiller()
    assert type(distiller) is TSKDDistiller
    assert type(distiller.review) is TemporalReview
    assert distiller.teacher is None and distiller.phase is None
    assert distiller.strides == [8, 16, 32, 64, 128]
    distiller.init_weights()
    for slot in range(3):
        distiller.memorize(slot)
    distiller.phase, distiller.loss_factors = 'review', {'pkd': 2.0}
    losses = distiller.loss(*detection_batch(distiller.data_preprocessor))
    assert losses['loss_review'].requires_grad
    assert distiller.student.backbone and distiller.teacher


def test_a_model_is_found_by_its_config():
    source = find_model(
        'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py', 'student', None
    )
    assert source.config.backbone.depth == 50


def test_logits_have_a_scalar_loss():
    loss = LogitKLLoss(temperature=4.0)(torch.rand(2, 5), torch.rand(2, 5))
    assert loss.shape == () and loss > 0


def test_a_step_of_the_schedule_has_a_kind_and_a_slot():
    schedule = ReviewSchedule(interval=5, num_slots=3)
    nodes = [schedule.node(step) for step in (0, 1, 15)]
    expected = [('memorize', 0), ('general', None), ('review', None)]
    assert [(node.kind, node.slot) for node in nodes] == expected
