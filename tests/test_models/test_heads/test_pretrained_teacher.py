"""YOLOX-Nano, trained on COCO's 80 classes, and a student of its family for persons."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from refusals import refused
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[3]
PAIR = ROOT / 'configs' / 'tskd' / 'yolox_nano_to_pico_coco.py'


def distil(shared_data: Path, **config: object) -> tuple[Config, nn.Module]:
    pair = Config.fromfile(PAIR)
    init_default_scope('mmdet')
    pair.model.student.bbox_head.num_classes = 1
    pair.model.student.data_preprocessor.batch_augments = None
    nano = shared_data / 'yolox_nano_coco' / 'yolox_nano_coco_mmdet3.pth'
    pair.model.update(teacher_checkpoint=str(nano), feature_losses=None, review=None)
    pair.model.update(config)
    model = MODELS.build(pair.model)
    model.init_weights()
    model.phase = 'general'
    MessageHub.get_current_instance().update_info('iter', 0)
    return pair, model


@pytest.fixture
def persons(shared_data):
    """A distiller, and four real images with persons."""
    losses = dict(bckd=dict(type='BCKDLoss'), score=dict(type='ScoreWeightedL2Loss'))
    pair, model = distil(shared_data, head_losses=losses, teacher_classes=['person'])
    loader = pair.val_dataloader
    loader.update(batch_size=4, num_workers=0, persistent_workers=False)
    loader.dataset.update(
        data_root=f'{shared_data}/coco_tiny/',
        metainfo=dict(classes=('person',)),
        filter_cfg=dict(filter_empty_gt=True),
        test_mode=False,
    )
    batch = next(iter(Runner.build_dataloader(loader)))
    data = model.data_preprocessor(batch, False)
    return model, data['inputs'], data['data_samples']


def flat(levels: list[Tensor]) -> Tensor:
    """(A, C, H, W) of all levels as (priors, C)."""
    return torch.cat([x.movedim(1, -1).flatten(0, 2) for x in levels])


def test_what_is_read_are_the_persons_that_it_finds(persons):
    """The host's own predictions of its first class are among the boxes read."""
    model, inputs, samples = persons
    teacher = model.teacher.model
    with model.heads.record(model.student) as seen:
        model.student.loss(inputs, samples)
    neck = model.teacher(inputs, samples).neck
    known = model.heads.read(seen, model.student, teacher, neck, samples)
    with torch.no_grad():
        found = teacher.predict(inputs, [s.clone() for s in samples], rescale=False)
    persons = 0
    for image, sample in enumerate(found):
        boxes = flat([level.boxes[image] for level in known['teacher']])
        scores = flat([level.logits[image] for level in known['teacher']]).sigmoid()
        predicted = sample.pred_instances
        sure = predicted[(predicted.labels == 0) & (predicted.scores > 0.5)]
        for box, score in zip(sure.bboxes, sure.scores):
            nearest = (boxes - box).abs().amax(1).argmin()
            torch.testing.assert_close(boxes[nearest], box, rtol=1e-4, atol=0.1)
            assert float(scores[nearest]) == pytest.approx(float(score), abs=1e-4)
        persons += len(sure)
    assert persons >= 3


def test_a_student_learns_its_persons(persons):
    model, inputs, samples = persons
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    values = []
    for _ in range(4):
        losses = model.loss(inputs, samples)
        ours = [losses[f'loss_{name}'] for name in model.loss_names]
        assert all(float(loss) > 0 for loss in ours)
        optimizer.zero_grad()
        sum(ours).backward()
        optimizer.step()
        values.append(float(sum(ours)))
    assert values == sorted(values, reverse=True), values


def test_without_a_choice_both_lists_are_told(shared_data):
    text = (
        'head_losses and logit_losses compare the scores of the same classes, but the '
        'student has 1 class and the teacher 80 classes (person, bicycle, …): set '
        "teacher_classes to the student's classes by the teacher's names or indices, "
        "in the student's order"
    )
    with refused(text):
        distil(shared_data, head_losses=dict(bckd=dict(type='BCKDLoss')))
