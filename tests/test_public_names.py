"""What code outside the project imports through the packages, and how it uses it."""

import pytest
from mmengine.registry import MODELS, DefaultScope
from toys import detection_batch, tiny_distiller

import tskd_mm.engine
import tskd_mm.models
from tskd_mm.models import IncrementPredictor, Review, TemporalReview, TSKDDistiller

MODEL_NAMES = (
    'IncrementPredictor Review TSKDDistiller TemporalReview attention_map find_model '
    'increment_sequence'
)


def test_names_are_those_of_the_packages():
    assert {*MODEL_NAMES.split()} <= {*dir(tskd_mm.models)}
    assert hasattr(tskd_mm.models.losses, 'LogitKLLoss')
    assert hasattr(tskd_mm.engine, 'ReviewSchedule')


def test_weights_of_a_predictor_have_the_names_of_its_parts():
    parts = ['stem', 'encoder', 'forecaster', 'upsample', 'refine', 'head']
    names = [f'{part}.{kind}' for part in parts for kind in ('weight', 'bias')]
    assert list(IncrementPredictor(64, 8).state_dict()) == names


@pytest.mark.usefixtures('mmdet_scope')
def test_a_distiller_trains_without_a_runner():
    distiller = tiny_distiller()
    assert type(distiller) is TSKDDistiller
    assert type(distiller.review) is TemporalReview
    assert issubclass(TemporalReview, Review)
    assert distiller.teacher is None and distiller.phase is None
    assert distiller.strides == [8, 16, 32, 64, 128]
    distiller.init_weights()
    for slot in range(3):
        distiller.memorize(slot)
    distiller.phase, distiller.loss_factors = 'review', {'pkd': 2.0}
    losses = distiller.loss(*detection_batch(distiller.data_preprocessor))
    assert losses['loss_review'].requires_grad
    assert distiller.student.backbone and distiller.teacher


@pytest.mark.parametrize('scope', ['mmengine', 'mmdet', 'mmpretrain'])
@pytest.mark.parametrize(
    'name',
    ['IncrementPredictor', 'TSKDDistiller', 'TemporalReview']
    + ['AttentionTransferLoss', 'LogitKLLoss'],
)
def test_components_are_found_by_their_bare_names(scope: str, name: str):
    with DefaultScope.overwrite_default_scope(scope):
        with MODELS.switch_scope_and_registry(None) as registry:
            assert registry.get(name) is getattr(tskd_mm.models, name)
        if name == 'IncrementPredictor':
            built = MODELS.build({'type': name, 'hidden_channels': 4})
            assert built.encoder.weight.shape[0] == 16
