"""The distiller as its users and the host's hooks see it."""

import logging
import re
from copy import deepcopy

import pytest
import torch
from mmengine.logging import MMLogger
from toys import detection_batch, tiny_distiller

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
    with pytest.raises(
        AttributeError, match="^'RetinaNet' object has no attribute 'roi'$"
    ):
        distiller.roi  # noqa: B018


def test_a_loss_without_teacher():
    distiller = tiny_distiller()
    text = (
        'the teacher has no weights yet: call init_weights() before the first loss, as '
        'Runner.train() does'
    )
    with pytest.raises(RuntimeError, match=f'^{re.escape(text)}$'):
        distiller.loss(*detection_batch(distiller.data_preprocessor))


def test_levels_that_do_not_match():
    text = (
        'the student has levels of strides [8, 16, 32, 64, 128] and the teacher '
        '[4, 8, 16, 32]: every level of the student needs one of the teacher; to use '
        'those that both have set strides=[8, 16, 32]'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        tiny_distiller(teacher_taps=['backbone']).init_weights()


def test_levels_that_were_named_one_by_one_and_do_not_match():
    taps = ['backbone.layer1', 'backbone.layer2']
    text = (
        'student_taps and teacher_taps must give the same number of levels, but the '
        'student has strides [4, 8] and the teacher [4]: name one module of the '
        'teacher for each'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        tiny_distiller(student_taps=taps, teacher_taps=taps[:1]).init_weights()


def test_a_misspelled_key():
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


def test_testing_needs_no_teacher_config():
    from toys import tiny_retinanet

    from tskd_mm.models import TSKDDistiller

    distiller = TSKDDistiller(tiny_retinanet(), 'nowhere/teacher.py', 'nowhere.pth')
    assert len(distiller.eval()(torch.zeros(1, 3, 64, 64))) == 2
    with pytest.raises(FileNotFoundError, match='teacher config nowhere/teacher.py'):
        distiller.init_weights()
