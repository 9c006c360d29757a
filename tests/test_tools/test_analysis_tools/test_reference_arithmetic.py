"""The release's arithmetic gives the numbers of this project's."""

import re

import pytest
import torch
from doc_blocks import ROOT
from mmengine.config import Config
from torch import nn

from tools.analysis_tools import reference_arithmetic
from tools.analysis_tools.reference_arithmetic import ReferenceReview, predict
from tskd_mm.apis.random_batch import random_batch
from tskd_mm.apis.untrained_distiller import untrained_distiller
from tskd_mm.models.review.increment_predictor import IncrementPredictor


def test_zeros_are_computed_with(monkeypatch):
    """Every gate's convolution is that of the whole cell."""
    channels = []
    convolve = nn.functional.conv2d

    def spy(x, weight, *args, **kwargs):
        channels.append(weight.shape[1])
        return convolve(x, weight, *args, **kwargs)

    monkeypatch.setattr(reference_arithmetic.F, 'conv2d', spy)
    predictor = IncrementPredictor(hidden_channels=6)
    predict(predictor, torch.rand(3, 2, 1, 8, 8))
    gates = [c for c in channels if c > 8]
    assert gates == [14, 14, 14, 12]


@pytest.mark.usefixtures('no_scope')
def test_review():
    config = Config.fromfile(
        ROOT / 'configs' / 'tskd' / 'resnet56_to_resnet20_cifar100.py'
    )
    model = untrained_distiller(config)
    for slot in range(3):
        model.memorize(slot)
        model.student.backbone.conv1.weight.data.mul_(-1)
    reference, calls = ReferenceReview(model), []
    for student, _ in reference.past:
        student.head.register_forward_hook(lambda *args: calls.append('past'))
    model.teacher.model.head.register_forward_hook(lambda *a: calls.append('teacher'))
    data = model.data_preprocessor(random_batch(config, 4), True)
    found = reference.loss(**data)
    assert calls == ['teacher', 'past', 'past', 'past']  # heads too, to the end
    model.phase = 'review'
    expected = model.loss(**data)
    assert found['loss_review'] > 0
    torch.testing.assert_close(found, expected)


@pytest.mark.usefixtures('no_scope')
def test_command_line(monkeypatch, capsys):
    config = ROOT / 'configs' / 'tskd' / 'resnet56_to_resnet8_cifar10.py'
    words = ['x', str(config), '--images', '2', '--repeats', '1']
    monkeypatch.setattr('sys.argv', words)
    reference_arithmetic.main()
    lines = capsys.readouterr().out.splitlines()
    for line, name in zip(lines, ('review', 'predictors')):
        found = re.fullmatch(
            rf'{name}: ([\d.]+) s, in the reference ([\d.]+) s, ratio ([\d.]+)', line
        )
        ours, theirs, ratio = map(float, found.groups())
        assert ratio == pytest.approx(theirs / ours, rel=0.1)
    assert len(lines) == 2
