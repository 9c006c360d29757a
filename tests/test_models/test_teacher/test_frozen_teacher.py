"""A folded teacher shows what it showed before, whatever happens to its weights."""

from copy import deepcopy

import pytest
import torch
from mmengine.registry import MODELS
from tiny_detectors import shake
from torch import Tensor, nn
from toys import detection_batch, same_tensors, tiny_distiller, tiny_retinanet

from tskd_mm.models.features.feature_tap import Features
from tskd_mm.models.teacher.frozen_teacher import FrozenTeacher

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def trained(model: nn.Module) -> nn.Module:
    shake(model, 0.05)
    for name, buffer in model.named_buffers():
        if name.endswith('running_mean'):
            buffer.normal_(0, 0.3)
    return model


def distiller(**config: object) -> nn.Module:
    model = tiny_distiller(**config)
    model.init_weights()
    trained(model.teacher.model)
    return model


def look(model: nn.Module) -> list[Tensor]:
    """All that the teacher shows of a padded batch."""
    torch.manual_seed(0)
    batch = detection_batch(model.data_preprocessor)
    seen: Features = model.teacher(*batch)
    return [*seen.levels, *seen.neck]


def exact(model: nn.Module) -> list[Tensor]:
    """The same of a teacher with these weights that was never folded."""
    other, teacher = deepcopy(model), model.teacher
    other.teacher = FrozenTeacher(
        teacher.model,
        teacher.tap,
        teacher.inspection,
        model.data_preprocessor,
        whole_neck=teacher.whole_neck,
    )
    return look(other)


def close(found: list[Tensor], expected: list[Tensor]) -> bool:
    pairs = [*zip(found, expected, strict=True)]
    assert not all(torch.equal(*pair) for pair in pairs)  # it is folded
    return all((a - b).abs().max() <= 1e-5 * b.abs().max() for a, b in pairs)


@pytest.mark.parametrize('heads', [False, True])
def test_features_and_neck(heads):
    losses = {'bckd': {'type': 'BCKDLoss'}} if heads else None
    same_classes = {'teacher': tiny_retinanet(12)} if heads else {}
    model = distiller(head_losses=losses, **same_classes)
    assert model.teacher.whole_neck is heads
    before, state = look(model), deepcopy(model.teacher.model.state_dict())
    model.teacher.fold()
    assert close(look(model), before)
    assert same_tensors(model.teacher.model.state_dict(), state)
    assert not any(p.requires_grad for p in model.teacher.tensors())


def test_scores_of_a_classifier():
    classifier = dict(
        type='mmpretrain.ImageClassifier',
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', num_classes=3),
        backbone=dict(
            type='mmpretrain.ResNet_CIFAR', depth=18, base_channels=4, stem_channels=4
        ),
        neck=dict(type='mmpretrain.GlobalAveragePooling'),
        head=dict(type='mmpretrain.LinearClsHead', num_classes=3, in_channels=32),
    )
    model = distiller(
        student=classifier,
        teacher=classifier,
        feature_losses=None,
        logit_losses={'kd': {'type': 'LogitKLLoss'}},
        review=None,
    )
    images = torch.rand(2, 3, 16, 16)
    before = model.teacher(images, None)
    assert before.levels == []
    model.teacher.fold()
    after = model.teacher(images, None)
    assert close([after.logits], [before.logits])


def test_weights_from_a_file_are_folded_anew(tmp_path):
    model = distiller()
    model.teacher.fold()
    first = look(model)
    other = trained(MODELS.build(tiny_retinanet(12, classes=5)))
    torch.save(other.state_dict(), tmp_path / 'other.pth')
    with model.teacher.weights_restored():
        model.teacher.load(str(tmp_path / 'other.pth'))
        assert close(look(model), exact(model))
        assert not close(look(model), first)
    assert all(map(torch.equal, look(model), first))


def test_moved_weights_are_folded_anew():
    model = distiller()
    model.teacher.fold()
    before = look(model)
    model.double()
    for level, expected in zip(look(model), before):
        assert level.dtype == torch.float64
        torch.testing.assert_close(level.float(), expected, rtol=0, atol=1e-5)


def test_what_is_kept_is_counted_once():
    model = distiller()
    alone = [*model.teacher.model.state_dict().values()]
    assert len(model.teacher.tensors()) == len(alone)
    model.teacher.fold()
    added = 2 * 20  # weight and bias of every convolution of the backbone
    assert len(model.teacher.tensors()) == len(alone) + added


def test_a_teacher_that_is_not_looked_at_is_not_folded():
    model = tiny_distiller(feature_losses=None, review=None, student_taps=[])
    model.init_weights()
    model.teacher.fold()
    assert look(model) == []


def test_a_model_whose_eval_returns_nothing_can_teach(monkeypatch):
    """As MMDetection's KnowledgeDistillationSingleStageDetector."""
    model = distiller()

    def train(self: nn.Module, mode: bool = True) -> None:
        nn.Module.train(self, mode)

    monkeypatch.setattr(type(model.teacher.model), 'train', train)
    assert all(map(torch.equal, look(model), exact(model)))
