"""Losses on second stages and queries: nothing for equal networks, else something."""

import pytest
import torch
from tiny_detectors import (
    CONFIGS,
    QUERY,
    head_distiller,
    head_losses,
    shake,
    tiny_detector,
    without_chance,
)
from toys import photos

pytestmark = pytest.mark.usefixtures('mmdet_scope')
NAMES = ['loss_head_cls', 'loss_head_box']


@pytest.mark.parametrize('family', CONFIGS)
def test_equal_networks_have_nothing_to_learn(family):
    model = head_distiller(family, tiny_detector(family), tiny_detector(family))
    model.teacher.model.load_state_dict(model.student.state_dict())
    # Frozen weights are multiplied in another order: it rounds otherwise, and boxes
    # that differ by a bit already have the gradient of their L1 distance.
    model.teacher.model.requires_grad_(True)
    data = model.data_preprocessor(photos(masks=True), True)
    for mode in ('eval', 'frozen norms'):
        losses, gradient = head_losses(without_chance(model, mode), data)
        assert [*losses] == NAMES
        assert [*losses.values()] == pytest.approx([0, 0], abs=1e-9)
        assert gradient < 1e-7
    shake(model.teacher.model, 0.02)
    losses, gradient = head_losses(model, data)
    assert all(loss > 1e-5 for loss in losses.values())
    assert gradient > 1e-3


@pytest.mark.parametrize('family', CONFIGS)
def test_images_without_objects(family):
    """Queries still have answers; without a positive proposal no box is compared."""
    model = head_distiller(family, tiny_detector(family), tiny_detector(family))
    data = model.data_preprocessor(photos(masks=True), True)
    for sample in data['data_samples']:
        sample.gt_instances = sample.gt_instances[:0]
    losses, gradient = head_losses(model.train(), data)
    assert losses['loss_head_cls'] > 0
    assert (losses['loss_head_box'] > 0) == (family in QUERY)
    assert gradient > 0


@pytest.mark.parametrize('family', ['faster', 'dab'])
def test_weights_are_factors_of_the_parts(family):
    model = head_distiller(family, tiny_detector(family), tiny_detector(family))
    data = model.data_preprocessor(photos(), True)
    without_chance(model, 'eval')
    torch.manual_seed(0)  # the sampler of proposals draws
    before, _ = head_losses(model, data)
    model.loss_factors = {'head_cls': 3.0, 'head_box': 0.0}
    torch.manual_seed(0)
    after, _ = head_losses(model, data)
    assert after['loss_head_cls'] == pytest.approx(3 * before['loss_head_cls'])
    assert after['loss_head_box'] == 0
