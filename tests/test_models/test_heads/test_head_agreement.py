"""Losses on heads: nothing for equal networks, else something; their precision."""

import pytest
import torch
from dense_detectors import FAMILIES, dense_distiller
from mmdet.models.dense_heads import RPNHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from tiny_detectors import (
    CONFIGS,
    QUERY,
    head_distiller,
    head_losses,
    tiny_detector,
    without_chance,
)
from torch import nn
from toys import photos

from tskd_mm.models import TSKDDistiller

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def pair(family: str) -> TSKDDistiller:
    """Student and teacher of one family, distilled by the losses on its heads."""
    if family in FAMILIES:
        return dense_distiller(family)
    return head_distiller(family, tiny_detector(family), tiny_detector(family))


def batch(model: TSKDDistiller, family: str) -> dict:
    return model.data_preprocessor(photos(masks=family in ('mask', 'cascade')), True)


@pytest.mark.parametrize('family', [*FAMILIES, *CONFIGS])
def test_another_network_teaches_and_an_equal_one_does_not(family):
    model = pair(family)
    data = batch(model, family)
    losses, gradient = head_losses(without_chance(model, 'frozen norms'), data)
    assert {*losses} == {*model.loss_names} and min(losses.values()) > 1e-5
    assert gradient > 1e-3
    model.teacher.model.load_state_dict(model.student.state_dict())
    # Frozen weights are multiplied in another order: it rounds otherwise, and boxes
    # that differ by a bit already have the gradient of their L1 distance.
    model.teacher.model.requires_grad_(True)
    # The host's own loss of VFNet cannot be computed in eval mode.
    for mode in ('frozen norms',) if family == 'VFNet' else ('frozen norms', 'eval'):
        losses, gradient = head_losses(without_chance(model, mode), data)
        assert [*losses.values()] == pytest.approx([0] * len(losses), abs=1e-9)
        assert gradient < 1e-7


@pytest.mark.parametrize('family', CONFIGS)
def test_images_without_objects(family):
    """Queries still have answers; without a positive proposal no box is compared."""
    model = pair(family)
    data = batch(model, family)
    for sample in data['data_samples']:
        sample.gt_instances = sample.gt_instances[:0]
    losses, gradient = head_losses(model.train(), data)
    assert losses['head_cls'] > 0
    assert (losses['head_box'] > 0) == (family in QUERY)
    assert gradient > 0


@pytest.mark.parametrize('family', ['faster', 'dab'])
def test_weights_are_factors_of_the_parts(family):
    model = pair(family)
    data = batch(model, family)
    without_chance(model, 'eval')
    torch.manual_seed(0)  # the sampler of proposals draws
    before, _ = head_losses(model, data)
    model.loss_factors = {'head_cls': 3.0, 'head_box': 0.0}
    torch.manual_seed(0)
    after, _ = head_losses(model, data)
    assert after['head_cls'] == pytest.approx(3 * before['head_cls'])
    assert after['head_box'] == 0


def full_precision_operators(model: nn.Module) -> None:
    """MMCV's non-maximum suppression and RoIAlign have no bfloat16 on a CPU."""

    def outputs(module: nn.Module, args: tuple, found: tuple) -> tuple:
        return tuple([level.float() for level in levels] for levels in found)

    def inputs(module: nn.Module, args: tuple) -> tuple:
        return [level.float() for level in args[0]], *args[1:]

    for module in model.modules():
        if isinstance(module, RPNHead):
            module.register_forward_hook(outputs)
        if isinstance(module, SingleRoIExtractor):
            module.register_forward_pre_hook(inputs)


@pytest.mark.parametrize('family', ['FCOS', 'GFL', 'YOLOX', *CONFIGS])
def test_mixed_precision(family):
    """The losses are float32, and near those in full precision."""
    model = pair(family)
    full_precision_operators(model.student)
    full_precision_operators(model.teacher.model)
    without_chance(model, 'eval')
    data = batch(model, family)
    torch.manual_seed(0)
    full, _ = head_losses(model, data)
    torch.manual_seed(0)
    with torch.autocast('cpu', torch.bfloat16):
        half, gradient = head_losses(model, data)
        losses = model.loss(data['inputs'], data['data_samples'])
    assert {losses[f'loss_{name}'].dtype for name in half} == {torch.float32}
    assert gradient > 0
    for name, loss in half.items():
        assert loss == pytest.approx(full[name], rel=0.3), name
