"""What a teacher predicts is kept if the student has its class."""

import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from mmpretrain.structures import DataSample

from tskd_mm.engine.preflight.student_classes import in_student_classes


def test_boxes_of_the_students_classes():
    found = InstanceData(
        labels=torch.tensor([7, 2, 5, 2]),
        scores=torch.tensor([0.9, 0.8, 0.7, 0.6]),
        bboxes=torch.arange(16.0).reshape(4, 4),
    )
    sample = in_student_classes(DetDataSample(pred_instances=found), [2, 7])
    kept = sample.pred_instances
    assert kept.labels.tolist() == [1, 0, 0]
    assert torch.equal(kept.scores, torch.tensor([0.9, 0.8, 0.6]))
    assert torch.equal(kept.bboxes, found.bboxes[[0, 1, 3]])
    none = in_student_classes(sample, [9]).pred_instances
    assert len(none) == 0 and none.bboxes.shape == (0, 4)


def test_a_class_that_stands_for_two_is_the_first():
    found = InstanceData(labels=torch.tensor([3]))
    sample = in_student_classes(DetDataSample(pred_instances=found), [5, 3, 3])
    assert sample.pred_instances.labels.tolist() == [1]


def test_scores_of_the_students_classes():
    sample = DataSample().set_pred_score(torch.tensor([0.1, 0.2, 0.6, 0.1]))
    sample.set_pred_label(2)
    found = in_student_classes(sample, [3, 1])
    assert torch.equal(found.pred_score, torch.tensor([0.1, 0.2]))
    assert found.pred_label.tolist() == [1]
