"""The distiller as its users and the host's hooks see it."""

import logging
from copy import deepcopy

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from refusals import refused
from toys import detection_batch, tiny_distiller, tiny_retinanet

from tskd_mm.models.features.dry_run import dry_run

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def test_prediction_is_the_student_s_and_needs_no_teacher():
    distiller = tiny_distiller().eval()
    inputs, samples = detection_batch(distiller.data_preprocessor)
    for ours, own in zip(distiller(inputs), distiller.student(inputs)):
        assert all(torch.equal(a, b) for a, b in zip(ours, own))
    copies = deepcopy(samples)
    ours = distiller(inputs, samples, mode='predict')
    own = distiller.student(inputs, copies, mode='predict')
    assert len(ours[0].pred_instances) > 0
    for a, b in zip(ours, own):
        assert torch.equal(a.pred_instances.bboxes, b.pred_instances.bboxes)
        assert torch.equal(a.pred_instances.scores, b.pred_instances.scores)


def test_attributes_are_the_student_s():
    distiller = tiny_distiller()
    assert distiller.bbox_head is distiller.student.bbox_head
    assert distiller.data_preprocessor is distiller.student.data_preprocessor
    distiller.bbox_head.use_l1 = True  # as YOLOXModeSwitchHook does
    assert distiller.student.bbox_head.use_l1 is True
    with refused("'RetinaNet' object has no attribute 'roi'", AttributeError):
        distiller.roi  # noqa: B018


def test_storage_without_values():
    distiller = tiny_distiller()
    distiller.memorize(0)
    assert distiller.to_empty(device='meta') is distiller
    kept = [*distiller.parameters(), *distiller.bank.slots[0].values()]
    assert {tensor.device.type for tensor in kept} == {'meta'}


def test_a_loss_requires_the_teacher():
    distiller = tiny_distiller()
    text = (
        'the teacher has no weights yet: call init_weights() before the first loss, as '
        'Runner.train() does'
    )
    with refused(text, RuntimeError):
        distiller.loss(*detection_batch(distiller.data_preprocessor))


def test_a_misspelled_key_is_an_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'studen_taps'"):
        tiny_distiller(studen_taps=['neck'])


def test_a_teacher_without_weights_warns(caplog: pytest.LogCaptureFixture):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        tiny_distiller().init_weights()
    finally:
        logger.removeHandler(caplog.handler)
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warnings == [
        'teacher_checkpoint is None: the teacher a RetinaNet config dict keeps its '
        'initial weights and has nothing to teach unless its own config loads some'
    ]


@pytest.mark.parametrize('single', ['student', 'teacher'])
def test_one_level_is_matched_by_stride_too(single):
    taps = {f'{single}_taps': ['backbone.layer3']}
    if single == 'student':
        distiller = tiny_distiller(**taps, teacher_taps=['neck'])
    else:
        distiller = tiny_distiller(**taps, student_taps=['neck'], strides=[16])
    distiller.init_weights()
    assert distiller.strides == dry_run(distiller.teacher.tap).strides == [16]


@pytest.mark.parametrize('host', ['mmdet', 'mmpretrain'])
def test_layers_have_the_learning_rates_that_the_student_has_alone(host: str):
    if host == 'mmdet':
        distiller = tiny_distiller(student=_convnext_detector())
        paramwise = dict(decay_rate=0.7, decay_type='layer_wise', num_layers=6)
        constructor = 'LearningRateDecayOptimizerConstructor', paramwise
    else:
        models = {role: _convnext_classifier() for role in ('student', 'teacher')}
        distiller = tiny_distiller(**models, student_taps=['backbone'])
        name = 'mmpretrain.LearningRateDecayOptimWrapperConstructor'
        constructor = name, dict(layer_decay_rate=0.7)
    rates = _rates(distiller, *constructor)
    assert rates == _rates(distiller.student, *constructor)
    assert len(set(rates.values())) > 5


def _convnext_detector() -> dict:
    model = tiny_retinanet()
    channels = [8, 16, 24, 32]
    model.backbone = _convnext(channels, [0, 1, 2, 3])
    model.neck.in_channels = channels
    return model


def _convnext_classifier() -> dict:
    return dict(
        type='mmpretrain.ImageClassifier',
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
        backbone=_convnext([8, 16, 24, 32], [3]),
        neck=dict(type='mmpretrain.GlobalAveragePooling'),
        head=dict(type='mmpretrain.LinearClsHead', num_classes=3, in_channels=32),
    )


def _convnext(channels: list[int], indices: list[int]) -> dict:
    return dict(
        type='mmpretrain.ConvNeXt',
        arch=dict(depths=[1, 1, 3, 1], channels=channels),
        out_indices=indices,
        gap_before_final_norm=False,
    )


def _rates(
    model: torch.nn.Module, constructor: str, paramwise: dict
) -> dict[int, float]:
    """Learning rates of the student's parameters, in their order."""
    optimizer = dict(type='SGD', lr=1.0, weight_decay=0.1)
    wrapper = build_optim_wrapper(
        model,
        dict(optimizer=optimizer, constructor=constructor, paramwise_cfg=paramwise),
    )
    groups = wrapper.optimizer.param_groups
    rates = {id(p): group['lr'] for group in groups for p in group['params']}
    student = getattr(model, 'student', model)
    return {i: rates[id(p)] for i, p in enumerate(student.parameters())}
