"""Features that were kept give the losses of the step they were taken from."""

import pytest
import torch
from doc_blocks import ROOT
from mmengine.config import Config

from tskd_mm.apis.batch_features import batch_features, run_static_losses
from tskd_mm.apis.random_batch import random_batch
from tskd_mm.apis.untrained_distiller import untrained_distiller

RECIPES = ROOT / 'configs' / 'baselines'


@pytest.mark.usefixtures('no_scope')
def test_losses_are_those_of_the_step():
    recipe = RECIPES / 'fitnet_resnet56_to_resnet20_cifar100.py'
    config = Config.fromfile(recipe)
    model, data = untrained_distiller(config), random_batch(config, images=2)
    seen = batch_features(model, data)
    run_static_losses(model, seen)
    expected = model.loss(seen.inputs, seen.samples)['loss_fitnet']
    found = model.static_losses(seen.student, seen.teacher, seen.valid, seen.samples)
    torch.testing.assert_close(found['fitnet'], expected)
    assert seen.student.levels[0].grad.abs().sum() > 0
    assert all(p.grad is None for p in model.student.parameters())


@pytest.mark.usefixtures('no_scope')
def test_losses_on_heads_are_timed_with_the_teacher_s_head():
    recipe = ROOT / 'configs' / 'head' / 'crosskd_gfl_r101_to_r50_coco.py'
    config = Config.fromfile(recipe)
    model = untrained_distiller(config)
    seen = batch_features(model, random_batch(config, images=1, size=(64, 64)))
    calls = []
    head = model.teacher.model.bbox_head
    head.gfl_cls.register_forward_hook(lambda *a: calls.append('head'))
    for _ in range(2):  # it is done as often as it is timed
        run_static_losses(model, seen)
    assert len(calls) == 2 * 2 * 5  # on the teacher's and the student's features
    branches = seen.heads['branches']
    assert all(x.grad.abs().sum() > 0 for x in branches['cls_convs'])
    assert all(p.grad is None for p in model.student.parameters())
