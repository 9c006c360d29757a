"""Which of the teacher's classes are compared with the student's."""

from pathlib import Path

import pytest
import torch
from dense_detectors import dense_detector
from mmengine.registry import MODELS
from mmengine.runner import Runner
from refusals import refused
from toys import coco_set, detection_batch, run_config

from tskd_mm.models.loading.class_names import class_names
from tskd_mm.models.loading.model_config import find_model
from tskd_mm.models.teacher.teacher_classes import TeacherClasses

NAMES = ('cat', 'dog', 'owl')


def choose(wanted, student: int, teacher: int, names=NAMES, own=None):
    return TeacherClasses(wanted, lambda: names, own).indices(student, teacher)


def test_names_and_indices_in_the_students_order():
    assert choose(['owl', 'cat'], 2, 3) == [2, 0]
    assert choose(['dog', 0], 2, 3) == [1, 0]
    assert choose([2, 2, 1], 3, 3, names=None) == [2, 2, 1]
    assert choose(None, 3, 3) is None


def test_classes_of_the_same_names():
    def named_like(*own: str, names=NAMES):
        return TeacherClasses(None, lambda: names, own).of_same_names(3)

    assert named_like('owl', 'cat') == [2, 0]
    assert named_like('owl', 'cat', names=(*NAMES, 'yak')) is None
    assert named_like('owl', 'cow') is None
    assert named_like('owl', names=None) is None
    assert named_like() is None


DIFFERENT = (
    'head_losses and logit_losses compare the scores of the same classes, but the '
    "student has {} and the teacher {}: set teacher_classes to the student's classes "
    "by the teacher's names or indices, in the student's order"
)


@pytest.mark.parametrize(
    'arguments, text',
    [
        (
            (None, 2, 3, NAMES, ('kitten', 'puppy')),
            DIFFERENT.format('2 classes (kitten, puppy)', '3 classes (cat, dog, owl)'),
        ),
        ((None, 1, 3, None), DIFFERENT.format('1 class', '3 classes')),
        (
            (['cat'], 2, 3),
            'teacher_classes must give one class of the teacher for each of the '
            "student, which has 2 classes, but got ['cat']",
        ),
        (
            (['cat', 'dog'], 4, 3, NAMES, ('kitten', 'puppy')),
            'teacher_classes must give one class of the teacher for each of the '
            'student, which has 4 classes (its data set has 2: kitten, puppy), but got '
            "['cat', 'dog']",
        ),
        (
            (['cat', 'cow'], 2, 3),
            "teacher_classes has 'cow', but the teacher has 3 classes (cat, dog, owl)",
        ),
        (
            ([0, 3], 2, 3, None),
            'teacher_classes has 3, but the teacher has 3 classes',
        ),
        (
            (['cat'], 1, 3, None),
            "teacher_classes has the name 'cat', but neither the checkpoint nor the "
            'config of the teacher names its classes: give their indices',
        ),
        (
            (['owl'], 1, 2),
            "teacher_classes has the name 'owl', but the head of the teacher has 2 "
            'classes (its data set has 3: cat, dog, owl), so that names do not tell '
            'their places: give their indices',
        ),
    ],
)
def test_what_does_not_fit_is_refused(arguments, text):
    with refused(text):
        choose(*arguments)


@pytest.mark.parametrize(
    'meta', [{'dataset_meta': {'classes': NAMES}}, {'CLASSES': NAMES}]
)
def test_names_of_a_checkpoint(tmp_path: Path, meta: dict):
    """What MMEngine and MMDetection 2 save."""
    torch.save({'state_dict': {}, 'meta': meta}, tmp_path / 'it.pth')
    source = find_model('mmdet::retinanet/retinanet_r50_fpn_1x_coco.py', 'teacher')
    assert tuple(class_names(source, str(tmp_path / 'it.pth'))) == NAMES


@pytest.mark.parametrize('family', ['yolox/yolox_s_8xb8-300e', 'gfl/gfl_r50_fpn_1x'])
def test_names_of_a_data_set(tmp_path: Path, family: str):
    torch.save({'state_dict': {}}, tmp_path / 'it.pth')
    source = find_model(f'mmdet::{family}_coco.py', 'teacher')
    names = class_names(source, str(tmp_path / 'it.pth'))
    assert len(names) == 80 and names[0] == 'person'
    (tmp_path / 'own.py').write_text(
        "_base_ = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'\n"
        f'test_dataloader = dict(dataset=dict(metainfo=dict(classes={NAMES})))\n'
    )
    source = find_model(str(tmp_path / 'own.py'), 'teacher')
    assert tuple(class_names(source, None)) == NAMES
    assert class_names(find_model(dict(type='X'), 'teacher'), None) is None


def classifier(classes: int) -> dict:
    return dict(
        type='mmpretrain.ImageClassifier',
        backbone=dict(type='CIFARResNet', depth=8),
        neck=dict(type='mmpretrain.GlobalAveragePooling'),
        head=dict(type='mmpretrain.LinearClsHead', num_classes=classes, in_channels=64),
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
    )


def distil_logits(**config: object) -> torch.nn.Module:
    model = MODELS.build(
        dict(
            type='TSKDDistiller',
            student=classifier(2),
            teacher=classifier(4),
            teacher_checkpoint=None,
            student_taps=['backbone'],
            logit_tap='head.fc',
            logit_losses=dict(kl=dict(type='LogitKLLoss')),
            review=None,
            **config,
        )
    )
    model.init_weights()
    return model


@pytest.mark.usefixtures('no_scope')
def test_logits_of_some_classes():
    model = distil_logits(teacher_classes=[3, 1])
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        everything = model.teacher.model(images, mode='tensor')
    found = model.teacher(images, None).logits
    torch.testing.assert_close(found, everything[:, [3, 1]])


@pytest.mark.usefixtures('no_scope')
def test_logits_of_other_classes_are_refused():
    with refused(DIFFERENT.format('2 classes', '4 classes')):
        distil_logits()


@pytest.mark.usefixtures('mmdet_scope')
def test_features_do_not_ask_for_the_same_classes():
    model = MODELS.build(
        dict(
            type='TSKDDistiller',
            student=dense_detector('RetinaNet'),
            teacher=dense_detector('RetinaNet', 7),
            teacher_checkpoint=None,
            review=None,
        )
    )
    model.init_weights()
    assert model.loss(*detection_batch(model.data_preprocessor))


@pytest.mark.usefixtures('mmdet_scope')
@pytest.mark.parametrize('family', ['RetinaNet', 'YOLOX'])
def test_scores_of_a_dense_head(family: str):
    model = MODELS.build(
        dict(
            type='TSKDDistiller',
            student=dense_detector(family, 2),
            teacher=dense_detector(family, 5),
            teacher_checkpoint=None,
            feature_losses={},
            head_losses=dict(
                bckd=dict(type='BCKDLoss'),
                crosskd=dict(type='CrossKDLoss'),
                score=dict(type='ScoreWeightedL2Loss'),
            ),
            teacher_classes=[4, 1],
            review=None,
        )
    )
    model.init_weights()
    inputs, samples = detection_batch(model.data_preprocessor)
    for sample in samples:
        sample.gt_instances.labels %= 2
    with model.heads.record(model.student) as seen:
        model.student.loss(inputs, samples)
    neck = model.teacher(inputs, samples).neck
    models = model.student, model.teacher.model
    chosen = model.heads.read(seen, *models, neck, samples)
    model.heads.classes = None
    whole = model.heads.read(seen, *models, neck, samples)
    for name in ('teacher', 'crossed'):
        for some, every in zip(chosen[name], whole[name], strict=True):
            assert every.logits.shape[2] == 5
            assert torch.equal(some.logits, every.logits[:, :, [4, 1]])
            assert torch.equal(some.boxes, every.boxes)


def test_the_refusal_lists_the_classes_of_both(tmp_path: Path):
    """In a runner the student's come from its data set, the teacher's from its file."""
    config = run_config(tmp_path, coco_set(tmp_path))
    teacher = dense_detector('RetinaNet', 4)
    torch.save(
        {
            'state_dict': MODELS.build(dict(_scope_='mmdet', **teacher)).state_dict(),
            'meta': {'dataset_meta': {'classes': ('a', 'b', 'c', 'd')}},
        },
        tmp_path / 'teacher.pth',
    )
    config.model.update(
        student=dense_detector('RetinaNet'),
        teacher=teacher,
        teacher_checkpoint=str(tmp_path / 'teacher.pth'),
        head_losses=dict(bckd=dict(type='BCKDLoss')),
        review=None,
    )
    config.custom_hooks = [dict(type='DistillationHook')]
    ours, theirs = '3 classes (class0, class1, class2)', '4 classes (a, b, c, d)'
    with refused(DIFFERENT.format(ours, theirs)):
        Runner.from_cfg(config).train()
