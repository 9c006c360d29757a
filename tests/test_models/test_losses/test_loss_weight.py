import re

import pytest
from mmengine.registry import MODELS
from toys import tiny_distiller

from tskd_mm.models import TemporalReview
from tskd_mm.models.losses.loss_collection import LossCollection, check_weight

pytestmark = pytest.mark.usefixtures('mmdet_scope')


@pytest.mark.parametrize('weight', [-0.1, float('nan'), float('inf')])
def test_bad_weights(weight):
    def text(name: str) -> str:
        return '^' + re.escape(
            f'loss_weight of {name} must be a finite number from 0, but got {weight}'
        )

    loss = dict(type='AttentionTransferLoss', loss_weight=weight)
    with pytest.raises(ValueError, match=text('maps')):
        tiny_distiller(feature_losses=dict(maps=loss))
    loss = dict(type='LogitKLLoss', loss_weight=weight)
    with pytest.raises(ValueError, match=text('kl')):
        LossCollection(None, dict(kl=loss), [8], None)
    with pytest.raises(ValueError, match=text('review')):
        TemporalReview(num_levels=1, loss_weight=weight)


def test_zero_and_none_are_fine():
    TemporalReview(num_levels=1, loss_weight=0)
    check_weight('mse', MODELS.build(dict(type='AttentionTransferLoss')))
