"""Every recipe of a pair is timed, with the parts that it has."""

import re
from pathlib import Path

import loss_cost
import pytest
import torch
from doc_blocks import ROOT
from mmengine.config import Config
from random_models import random_batch, random_distiller
from seen_batch import see, static_losses

RECIPES = ROOT / 'configs' / 'baselines'


@pytest.mark.usefixtures('no_scope')
def test_each_recipe_has_its_figures(monkeypatch, tmp_path, capsys):
    def small(config: Config) -> dict:
        return random_batch(config, images=2)

    monkeypatch.setattr(loss_cost, 'random_batch', small)
    for name in ('kd', 'pkd'):
        base = RECIPES / f'{name}_resnet56_to_resnet20_cifar100.py'
        (tmp_path / base.name).write_text(f'_base_ = {str(base)!r}\n')
    monkeypatch.setattr(loss_cost, 'BASELINES', Path(tmp_path))
    options = ['resnet56_to_resnet20_cifar100', '--repeats', '1']
    monkeypatch.setattr('sys.argv', ['loss_cost.py', *options])
    loss_cost.main()
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r'student alone: [\d.]+ s a step', said[0])
    found = [re.fullmatch(r'(.*) [\d.]+ of the student', line)[1] for line in said[1:]]
    assert found == ['kd: teacher', 'kd: loss', 'pkd: teacher', 'pkd: loss']


@pytest.mark.usefixtures('no_scope')
def test_losses_are_those_of_the_step():
    recipe = RECIPES / 'fitnet_resnet56_to_resnet20_cifar100.py'
    config = Config.fromfile(recipe)
    model, data = random_distiller(config), random_batch(config, images=2)
    seen = see(model, data)
    static_losses(model, seen)
    expected = model.loss(seen.inputs, seen.samples)['loss_fitnet']
    found = model.static_losses(seen.student, seen.teacher, seen.valid, seen.samples)
    torch.testing.assert_close(found['fitnet'], expected)
    assert seen.student.levels[0].grad.abs().sum() > 0
    assert all(p.grad is None for p in model.student.parameters())
