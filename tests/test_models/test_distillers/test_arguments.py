"""What a config gives to a distiller: its form, and what belongs together."""

from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS
from refusals import refused
from toys import tiny_distiller, tiny_retinanet

from tskd_mm.models import TSKDDistiller

pytestmark = pytest.mark.usefixtures('mmdet_scope')


@pytest.mark.parametrize(
    'name, value, rule, line',
    [
        ('student_taps', 'neck', 'a list of paths of modules', "['neck']"),
        ('student_taps', {'neck': 1}, 'a list of paths of modules', "['neck']"),
        ('student_taps', [0], 'a list of paths of modules', "['neck']"),
        ('teacher_taps', 'fpn', 'a list of paths of modules', "['fpn']"),
        (
            'strides',
            [],
            'a list of strides in pixels, or left out for all levels',
            '[8, 16, 32]',
        ),
        (
            'strides',
            16,
            'a list of strides in pixels, or left out for all levels',
            '[16]',
        ),
        (
            'strides',
            ['8'],
            'a list of strides in pixels, or left out for all levels',
            '[8, 16, 32]',
        ),
        ('logit_tap', ['head'], 'the path of a module', "'head'"),
        ('teacher_logit_tap', 3, 'the path of a module', "'head'"),
        (
            'review',
            True,
            'the config of a review, or None for no reviews',
            '{}',
        ),
        (
            'review',
            False,
            'the config of a review, or None for no reviews',
            'None',
        ),
        ('teacher_size', 640, 'a height and a width in pixels', '(640, 640)'),
        ('teacher_size', (640,), 'a height and a width in pixels', '(640, 640)'),
        ('teacher_size', (64, -1), 'a height and a width in pixels', '(640, 640)'),
        ('teacher_checkpoint', True, "a path, a URL, 'auto' or None", "'auto'"),
    ],
)
def test_an_argument_of_the_wrong_form(name, value, rule, line):
    arguments = {'teacher_checkpoint': None, name: value}
    text = f'{name} must be {rule}, but got {value!r}: write {name}={line}'
    with refused(text, TypeError):
        TSKDDistiller(tiny_retinanet(), tiny_retinanet(), **arguments)


def test_forms_that_are_right():
    model = TSKDDistiller(
        tiny_retinanet(),
        tiny_retinanet(),
        Path('weights.pth'),
        student_taps=('backbone.layer2', 'backbone.layer3'),
        teacher_taps=['backbone.layer3', 'backbone.layer4'],
        teacher_size=[64, 128],
    )
    assert model.strides == [8, 16]


def test_the_weights_can_be_a_path_object(tmp_path):
    file = tmp_path / 'teacher.pth'
    torch.save(MODELS.build(tiny_retinanet(12, classes=5)).state_dict(), file)
    model = tiny_distiller(teacher_checkpoint=file)
    model.init_weights()
    own = model.teacher.model.state_dict()
    assert all(torch.equal(own[k], v) for k, v in torch.load(file).items())


CLASSIFIER = dict(
    type='mmpretrain.ImageClassifier',
    data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
    backbone=dict(type='CIFARResNet', depth=8),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    head=dict(type='mmpretrain.LinearClsHead', num_classes=5, in_channels=64),
)
KL = dict(kl=dict(type='LogitKLLoss'))


@pytest.mark.parametrize('taps', [[], ['neck']])
def test_scores_alone_need_no_taps(taps: list):
    model = TSKDDistiller(
        CLASSIFIER,
        CLASSIFIER,
        None,
        student_taps=taps,
        feature_losses=None,
        logit_losses=KL,
        review=None,
    )
    model.init_weights()
    model.phase = 'general'
    inputs = torch.rand(4, 3, 32, 32)
    samples = _labels(4)
    losses = model(inputs, samples, mode='loss')
    assert set(losses) == {'loss_task', 'loss_kl', 'ratio_kl'}
    assert (model.strides, model.teacher.tap.paths) == ([], [])
    expected = model.static_losses.logits['kl'](
        model.student(inputs), model.teacher.model(inputs)
    )
    torch.testing.assert_close(losses['loss_kl'], expected)


def _labels(count: int) -> list:
    from mmpretrain.structures import DataSample

    return [DataSample().set_gt_label(i) for i in range(count)]


def test_a_review_without_levels():
    text = (
        'a review compares features of the student with those of its past, but '
        "student_taps=[] names none: name modules such as ['neck'], or set review=None "
        'and use the hook DistillationHook'
    )
    with refused(text):
        tiny_distiller(student_taps=[], feature_losses=None)


def test_feature_losses_without_levels():
    text = (
        "the feature_losses ['pkd'] compare features, but student_taps=[] names "
        "none: name modules such as ['neck'], or set feature_losses=None"
    )
    with refused(text):
        tiny_distiller(student_taps=[], review=None)


@pytest.mark.parametrize(
    'taps, named',
    [
        (dict(student_taps=['backbone'], teacher_taps=['neck']), 'student_taps'),
        (dict(teacher_taps=['backbone']), 'teacher_taps'),
        (dict(student_taps=[], feature_losses=None), 'student_taps'),
    ],
)
def test_losses_that_need_the_channels_of_the_necks(taps: dict, named: str):
    text = (
        "['score'] in head_losses compare the outputs of the necks and need their "
        f"channels, but {named} is {taps[named]}: set {named}=['neck'], or leave these "
        'losses out'
    )
    with refused(text):
        tiny_distiller(
            review=None,
            head_losses=dict(score=dict(type='ScoreWeightedL2Loss')),
            **taps,
        )


def test_scores_of_two_families():
    """The teacher's come from another module than the student's."""
    teacher = CLASSIFIER | {'head': dict(CLASSIFIER['head'])}
    model = TSKDDistiller(
        CLASSIFIER,
        teacher,
        None,
        feature_losses=None,
        review=None,
        logit_losses=KL,
        teacher_logit_tap='head.fc',
    )
    model.init_weights()
    assert (model.tap.logits, model.teacher.tap.logits) == ('head', 'head.fc')
    model.loss(torch.rand(2, 3, 32, 32), _labels(2))
    model.logit_taps = 'head', 'model'
    text = (
        "ImageClassifier has no module 'model' to tap: 'model' is not among the "
        'children of its ImageClassifier (data_preprocessor, backbone, neck, head); '
        'correct teacher_logit_tap'
    )
    with refused(text):
        model.init_weights()


def test_a_softmax_over_labels_that_do_not_exclude_each_other():
    student = CLASSIFIER | {
        'head': dict(
            type='mmpretrain.MultiLabelLinearClsHead', num_classes=5, in_channels=64
        )
    }
    common = dict(feature_losses=None, review=None)
    for kind in ('LogitKLLoss', 'DKDLoss'):
        text = (
            f'{kind} has a softmax over all classes, but the labels of '
            'MultiLabelLinearClsHead do not exclude each other: write '
            "logit_losses=dict(kl=dict(type='MultiLabelKLLoss'))"
        )
        for tap in ('head', 'head.fc'):
            with refused(text):
                TSKDDistiller(
                    student,
                    student,
                    None,
                    logit_tap=tap,
                    logit_losses=dict(kl=dict(type=kind)),
                    **common,
                )
    model = TSKDDistiller(
        student,
        student,
        None,
        logit_losses=dict(kl=dict(type='MultiLabelKLLoss')),
        **common,
    )
    model.init_weights()
    losses = model.static_losses
    scores = torch.rand(3, 5)
    assert losses.logits['kl'](scores, scores) == 0
    assert losses.logits['kl'](scores, scores + 5) > 1
