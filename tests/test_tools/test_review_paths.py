"""The two paths of the review add up to the review, and go where they should."""

import re
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import Runner
from plot_attention import load_distiller
from review_paths import Level, Probe, main
from toys import run_config

from tskd_mm.models.features.attention_map import attention_map
from tskd_mm.models.review.temporal_review import TemporalReview


class Scale(torch.nn.Module):
    """Predicts a share of the last increment."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        return self.factor * sequence[-1]


def level(factor: float = 0.5) -> Level:
    """Student 3, teacher 1, youngest memory 2: gap 2, last increment 1."""
    student = torch.full((1, 1, 1, 1), 3.0, requires_grad=True)
    past, teacher = [torch.full((1, 1, 1, 1), v) for v in (5.0, 2.0)], student * 0 + 1
    return Level(past, student, teacher.detach(), None, Scale(factor))


@pytest.mark.parametrize(
    'path, expected',
    [
        # (f d - g)^2 = 2.25 with d = s - 2, g = s - 1, f = 0.5: 2 (-1.5) = -3 times
        ('gap', 3.0),  # -dg/ds = -1
        ('history', -1.5),  # f dd/ds = 0.5
        ('both', 1.5),
    ],
)
def test_gradients_by_value(path, expected):
    one = level()
    loss = one.loss(path)
    loss.backward()
    assert loss == 2.25
    assert one.student.grad.item() == pytest.approx(expected)


def test_the_predictor_does_not_feel_the_weight():
    one = level()
    loss = one.loss('both', 10.0)
    loss.backward()
    assert loss == 2.25
    assert one.student.grad.item() == pytest.approx(15.0)
    assert one.predictor.factor.grad == -3.0


@pytest.mark.parametrize('all_feel, factor', [(False, 1), (True, 7)])
def test_all_feel_the_weight_if_told_so(config, all_feel, factor):
    """One step of plain SGD: predictors move in proportion."""
    probe, batches = probe_of(config)
    probe.config.optim_wrapper.optimizer = {'type': 'SGD', 'lr': 1e-3}
    start = probe.predictors[0].head.bias.item()
    probe.train_on(batches[:1], 'neither', 1.0)
    moved = probe.predictors[0].head.bias.item() - start
    probe.train_on(batches[:1], 'neither', 7.0, all_feel)
    again = probe.predictors[0].head.bias.item() - start
    assert again == pytest.approx(factor * moved, rel=1e-3)


def test_neither_path_trains_the_predictor_alone():
    one = level()
    one.loss('neither').backward()
    assert one.student.grad is None
    assert one.predictor.factor.grad == -3.0


def test_both_paths_are_the_review():
    review = TemporalReview(1, normalize='rms')
    past, (student, teacher) = torch.randn(3, 2, 4, 8, 8), torch.randn(2, 2, 4, 8, 8)
    student.requires_grad_()
    wanted = review([[p] for p in past], [student], [teacher], [None])
    expected = torch.autograd.grad(wanted, student)[0]
    maps = [attention_map(f, 'rms') for f in (*past, student, teacher)]
    one = Level(maps[:3], *maps[3:], None, review.predictors[0])
    losses = [one.loss(path) for path in ('both', 'gap', 'history')]
    found = [
        torch.autograd.grad(loss, student, retain_graph=True)[0] for loss in losses
    ]
    assert [x.item() for x in losses] == [pytest.approx(wanted.item())] * 3
    assert torch.allclose(found[0], expected, atol=1e-7)
    assert torch.allclose(found[1] + found[2], expected, atol=1e-7)


@pytest.fixture
def config(data, tmp_path, mmdet_scope) -> Path:
    """Of a small detector's training; a checkpoint with three memories lies beside."""
    content = Config(run_config(tmp_path, data))
    model = MODELS.build(content.model)
    model.init_weights()
    for slot in range(3):
        model.memorize(slot)
        for weight in model.student.parameters():
            weight.data.mul_(1.01)
    state = {'state_dict': model.state_dict(), 'tskd': model.tskd_state()}
    torch.save(state, tmp_path / 'epoch_3.pth')
    content.dump(tmp_path / 'config.py')
    return tmp_path / 'config.py'


def probe_of(config: Path) -> tuple[Probe, list]:
    content = Config.fromfile(config)
    model = load_distiller(content, config.with_name('epoch_3.pth')).train()
    loader = Runner.build_dataloader(content.train_dataloader, seed=0)
    return Probe(model, content), [*loader]


def test_compares_gradients(config):
    probe, batches = probe_of(config)
    header, *rows = probe.compare(batches)
    assert header[0] == 'gradient'
    assert [row[0] for row in rows] == [
        'all other losses',
        'attention transfer',
        *(f'review, {path}' for path in ('both', 'gap', 'history')),
    ]
    assert rows[0][2] == rows[1][3] == '+1.00'
    assert all(float(row[1]) > 0 for row in rows)


def test_every_trial_starts_from_the_checkpoint(config):
    probe, batches = probe_of(config)
    before = probe.look(batches[0]).item()
    probe.train_on(batches[:1], 'both', 0.0)
    assert probe.others.item() == pytest.approx(before)
    after = probe.look(batches[0]).item()
    probe.train_on(batches[:1], 'both', 0.0)
    assert probe.others.item() == pytest.approx(before)
    assert after != pytest.approx(before, rel=1e-6)


def test_state_by_value(config):
    """Maps of two pixels: gaps 1 and 3, last increments 1 and 1, predicted 2 and 2."""
    probe, _ = probe_of(config)
    student = torch.tensor([2.0, 4.0]).view(1, 1, 1, 2)
    past = [student - 7, student - 1]
    probe.levels = [Level(past, student, student - student + 1.0, None, Scale(2.0))]
    probe.features = [torch.tensor([0.0, 0.0, 0.0, 5.0]).view(1, 2, 1, 2)]
    probe.others = torch.tensor(7.0)
    assert probe.state() == {
        'other losses': 7.0,
        'review loss': 1.0,  # (2 - 1)^2 and (2 - 3)^2
        'gap': 2.0,
        'predicted': 2.0,
        'gap < predicted': 0.5,
        'explained': 0.0,  # the gaps' variance is 1
        'last increment': 1.0,
        'silent channels': 0.5,
    }


def test_command_line(config, monkeypatch, capsys):
    words = [str(config), str(config.with_name('epoch_3.pth')), '--batches', '1']
    words += ['--weights', '1', '1e4', '--paths', 'gap', '--steps', '2']
    monkeypatch.setattr(sys, 'argv', ['review_paths.py', *words])
    main()
    said = capsys.readouterr().out
    assert re.search(r'^\| review, gap \| [\d.e+-]+ \|', said, re.M)
    assert said.count('\n2 steps, path gap, weight 1') == 2
    _, trials = said.split('in the last of 2 steps:\n\n')
    rows = [line.split(' | ')[:2] for line in trials.splitlines()[2:]]
    assert rows == [['| gap', '1'], ['| gap', '10000']]


def test_no_config(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['x', 'none.py', 'none.pth'])
    with pytest.raises(SystemExit, match='^there is no config file none.py$'):
        main()
