"""The two paths of the review add up to the review, and go where they should."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from saved_distiller import save_distiller
from toys import load_whole, run_config

from tools.study import review_gradients
from tools.study.review_gradients import PathReview, Probe, load_probe
from tskd_mm.models import TemporalReview


class Scale(torch.nn.Module):
    """Predicts a share of the last increment."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        return self.factor * sequence[-1]


class Raw(PathReview):
    """Takes a feature of one channel for its own attention map."""

    def maps(self, models: list, valid: list) -> torch.Tensor:
        return torch.stack([features[0].flatten(-2) for features in models])


def pixel(value: float) -> torch.Tensor:
    return torch.full((1, 1, 1, 1), value)


@pytest.mark.parametrize(
    'path, expected',
    [
        # (f d - g)^2 = 2.25 with d = s - 2, g = s - 1, f = 0.5: 2 (-1.5) = -3 times
        ('gap', 3.0),  # -dg/ds = -1
        ('history', -1.5),  # f dd/ds = 0.5
        ('both', 1.5),
        ('neither', 0.0),
    ],
)
@pytest.mark.parametrize('weight', [1.0, 10.0])
def test_gradients_by_value(path, expected, weight):
    """Student 3, teacher 1, youngest memory 2: gap 2, last increment 1."""
    review = Raw(1, predictor=dict(type=Scale, factor=0.5), loss_weight=weight)
    review.path = path
    student = pixel(3.0).requires_grad_()
    loss = review([[pixel(5.0)], [pixel(2.0)]], [student], [pixel(1.0)], [None])
    assert loss.item() == pytest.approx(2.25 * weight)
    loss.backward()
    found = 0.0 if student.grad is None else student.grad.item()
    assert found == pytest.approx(expected * weight, abs=1e-5)
    assert review.predictors[0].factor.grad.item() == pytest.approx(-3.0)


def test_both_paths_are_the_review():
    review, probed = TemporalReview(1), PathReview(1)
    probed.load_state_dict(review.state_dict())
    past, (student, teacher) = torch.randn(3, 2, 4, 8, 8), torch.randn(2, 2, 4, 8, 8)
    student.requires_grad_()
    batch = [[p] for p in past], [student], [teacher], [None]
    expected = torch.autograd.grad(review(*batch), student)[0]
    found = {}
    for path in ('both', 'gap', 'history'):
        probed.path = path
        found[path] = torch.autograd.grad(probed(*batch), student)[0]
    assert torch.equal(found['both'], expected)
    assert torch.allclose(found['gap'] + found['history'], expected, atol=1e-7)


@pytest.fixture
def config(data, tmp_path, mmdet_scope) -> Path:
    """Of a small detector's training; a checkpoint lies next to it."""
    content = Config(run_config(tmp_path, data))
    saved = load_whole(save_distiller(content, tmp_path / 'epoch_3.pth'))
    for name, weight in saved['state_dict'].items():  # moved since the last memory
        if name.endswith('weight'):
            weight.mul_(1.01)
    torch.save(saved, tmp_path / 'epoch_3.pth')
    content.dump(tmp_path / 'config.py')
    return tmp_path / 'config.py'


def probe_of(config: Path) -> tuple[Probe, list]:
    content = Config.fromfile(config)
    probe = load_probe(content, config.with_name('epoch_3.pth'))
    loader = Runner.build_dataloader(content.train_dataloader, seed=0)
    return probe, [*loader]


@pytest.mark.parametrize('weigh_predictors, factor', [(False, 1), (True, 7)])
def test_predictors_are_weighed_if_told_so(config, weigh_predictors, factor):
    """One step of plain SGD: predictors move in proportion."""
    probe, batches = probe_of(config)
    probe.config.optim_wrapper.optimizer = {'type': 'SGD', 'lr': 1e-3}
    bias = probe.review.predictors[0].head.bias
    start = bias.item()
    probe.train_on(batches[:1], 'neither', 1.0)
    moved = bias.item() - start
    probe.train_on(batches[:1], 'neither', 7.0, weigh_predictors)
    assert bias.item() - start == pytest.approx(factor * moved, rel=1e-3)


def test_table_of_gradients(config):
    probe, batches = probe_of(config)
    header, *rows = probe.gradients(batches)
    assert header[0] == 'gradient'
    assert [row[0] for row in rows] == [
        'all other losses',
        'attention transfer',
        'review, both',
        'review, gap',
        'review, history',
    ]
    assert rows[0][2] == rows[1][3] == '+1.00'
    assert all(float(row[1]) > 0 for row in rows)


def test_trials_start_from_the_same_state(config):
    probe, batches = probe_of(config)
    probe.train_on(batches, 'neither', 1.0)
    first = {k: v.clone() for k, v in probe.model.student.named_parameters()}
    probe.train_on(batches, 'both', 50.0)
    other = dict(probe.model.student.named_parameters())
    assert not all(torch.equal(other[name], first[name]) for name in first)
    probe.train_on(batches, 'neither', 1.0)
    again = dict(probe.model.student.named_parameters())
    assert all(torch.allclose(again[name], first[name], atol=1e-6) for name in first)


def test_state_by_value(config):
    probe, _ = probe_of(config)
    probe.review = Raw(1, predictor=dict(type=Scale, factor=2.0))
    student = torch.tensor([2.0, 4.0]).view(1, 1, 1, 2)
    past = [[student - 7], [student - 1]]
    probe.batch = past, [student], [torch.ones(1, 1, 1, 2)], [None]
    probe.others = torch.tensor(7.0)
    assert probe.state() == {
        'other losses': 7.0,
        'review loss': 1.0,  # (2 - 1)^2 and (2 - 3)^2
        'gap': 2.0,
        'predicted': 2.0,
        'gap < predicted': 0.5,
        'explained': 0.0,  # the gaps' variance is 1
        'last increment': 1.0,
        'silent channels': 0.0,
    }


def test_a_review_of_another_type(config):
    content = Config.fromfile(config)
    content.model.review = {'type': 'DetachedGap'}
    message = 'the review of the config must be a TemporalReview, but it is '
    with pytest.raises(TypeError, match=f'^{message}' + r"\{'type': 'DetachedGap'\}$"):
        load_probe(content, config.with_name('epoch_3.pth'))


def test_command_line(config, monkeypatch, capsys):
    words = ['x', str(config), str(config.with_name('epoch_3.pth')), '--batches', '1']
    words += ['--weights', '1', '1e4', '--paths', 'gap', '--steps', '2']
    monkeypatch.setattr('sys.argv', words)
    review_gradients.main()
    said = capsys.readouterr().out
    assert re.search(r'^\| review, gap \| [\d.e+-]+ \|', said, re.M)
    assert said.count('\n2 steps, path gap, weight 1') == 2
    _, trials = said.split('in the last of 2 steps:\n\n')
    rows = [line.split(' | ')[:2] for line in trials.splitlines()[2:]]
    assert rows == [['| gap', '1'], ['| gap', '10000']]
