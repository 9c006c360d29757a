"""Every recipe of a pair is timed, with the parts that it has."""

import re
from pathlib import Path

import pytest
from doc_blocks import ROOT
from mmengine.config import Config

from tools.analysis_tools import loss_cost
from tskd_mm.apis.random_batch import random_batch

RECIPES = ROOT / 'configs' / 'baselines'


@pytest.mark.usefixtures('no_scope')
def test_each_recipe_has_its_figures(monkeypatch, tmp_path, capsys):
    def small(config: Config) -> dict:
        return random_batch(config, images=2)

    monkeypatch.setattr(loss_cost, 'random_batch', small)
    for name in ('kd', 'pkd'):
        base = RECIPES / f'{name}_resnet56_to_resnet20_cifar100.py'
        (tmp_path / base.name).write_text(f'_base_ = {str(base)!r}\n')
    monkeypatch.setattr(loss_cost, 'FOLDERS', [Path(tmp_path)])
    options = ['resnet56_to_resnet20_cifar100', '--repeats', '1']
    monkeypatch.setattr('sys.argv', ['loss_cost.py', *options])
    loss_cost.main()
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r'student alone: [\d.]+ s a step', said[0])
    found = [re.fullmatch(r'(.*) [\d.]+ of the student', line)[1] for line in said[1:]]
    assert found == ['kd: teacher', 'kd: loss', 'pkd: teacher', 'pkd: loss']
