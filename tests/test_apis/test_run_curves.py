import re

import pytest
from mmengine.config import Config
from written_run import write_run

from tskd_mm.apis import run_curves
from tskd_mm.apis.run_curves import plot_runs, run_phases, smooth, usual_loss
from tskd_mm.apis.run_scalars import RunScalars, read_scalars

HOOK = "custom_hooks = [dict(type='TSKDMemoryHook', interval={})]\n"


def test_run_phases_in_epochs(tmp_path):
    run = read_scalars(write_run(tmp_path / 'a', epochs=5, hook=HOOK.format(1)))
    assert run_phases(run) == ([1, 2, 3, 5], [(3, 4)])


def test_run_phases_of_iterations_over_epochs(tmp_path):
    """20 iterations in epochs of 4: a node every 2 iterations, a review takes 1."""
    hook = HOOK.format('2, by_epoch=False')
    run = read_scalars(write_run(tmp_path / 'a', epochs=5, iters=4, hook=hook))
    memories, reviews = run_phases(run)
    assert memories == [n / 4 for n in (1, 3, 5, 9, 11, 13, 17, 19)]
    assert reviews == [(6 / 4, 7 / 4), (14 / 4, 15 / 4)]


def test_run_phases_of_iterations():
    run = RunScalars('a', train={i: {'loss': 1.0, 'step': i} for i in (5, 10)})
    run.config = Config(
        {'custom_hooks': [{'type': 'TSKDMemoryHook', 'interval': 2, 'by_epoch': False}]}
    )
    assert run_phases(run) == ([1, 3, 5, 9], [(6, 7)])


def test_run_without_hook_has_no_phases(tmp_path):
    assert run_phases(read_scalars(write_run(tmp_path / 'a'))) == ([], [])


def test_smooth_by_value():
    points = [(float(x), float(y)) for x, y in enumerate([4, 2, 6, 0])]
    assert smooth(points, window=2) == [(0, 4), (1, 3), (2, 4), (3, 3)]


def test_the_loss_is_comparable_in_a_review(tmp_path):
    train = {1: {'loss': 3.0}, 2: {'loss': 5.0, 'loss_review': 1.5}}
    run = RunScalars('a', train={i: {**r, 'step': i} for i, r in train.items()})
    assert usual_loss(run) == [(1, 3.0), (2, 3.5)]


@pytest.fixture
def shaded(monkeypatch) -> list:
    """What was shaded: spans and how."""
    drawn: list = []
    monkeypatch.setattr(
        run_curves.Axes, 'axvspan', lambda self, *span, **how: drawn.append((span, how))
    )
    return drawn


def test_one_run_is_drawn_with_each_loss_and_its_first_metric(tmp_path, monkeypatch):
    labels = []
    monkeypatch.setattr(
        run_curves.Axes, 'set_ylabel', lambda self, text: labels.append(text)
    )
    lines = []
    draw = run_curves.Axes.plot
    monkeypatch.setattr(
        run_curves.Axes,
        'plot',
        lambda self, *a, **k: lines.append((k['label'], a)) or draw(self, *a, **k),
    )
    run = read_scalars(write_run(tmp_path / 'a'))
    for i in (2, 6):
        run.train[i]['loss_review'] = 0.25
    for record in run.train.values():
        record['loss_cls'] = 0.5
    plot_runs([run], tmp_path / 'plot.png')
    assert [name for name, _ in lines] == ['a', 'loss_cls', 'loss_review', 'a']
    (steps, values) = lines[2][1]
    assert [x for x, y in zip(steps, values) if y == 0.25] == [0.5, 1.5]
    assert sum(y != y for y in values) == len(run.train) - 2  # gaps elsewhere
    assert labels[-1] == 'coco/bbox_mAP'


ONE, TWO = run_curves.COLORS[:2]


@pytest.mark.parametrize(
    'hooks, expected',
    [
        ((1, 1), {((3, 4), run_curves.SHADE), ((7, 8), run_curves.SHADE)}),
        ((1, 2), {((3, 4), ONE), ((7, 8), ONE), ((6, 7), TWO)}),
        ((None, 1), {((3, 4), TWO), ((7, 8), TWO)}),
    ],
    ids=['of one schedule', 'of two', 'one without a hook'],
)
def test_runs_are_shaded(tmp_path, shaded, hooks, expected):
    """Once where all with a hook have one schedule, else each in its colour."""
    runs = [
        read_scalars(
            write_run(tmp_path / f'{i}', epochs=9, hook=HOOK.format(n) if n else '')
        )
        for i, n in enumerate(hooks)
    ]
    plot_runs(runs, tmp_path / 'plot.png')
    assert {(span, how['color']) for span, how in shaded} == expected
    assert len(shaded) == 2 * len(expected)  # in both panels


def test_unknown_metric(tmp_path):
    run = read_scalars(write_run(tmp_path / 'a'))
    message = (
        "no run has the validation metric 'accuracy/top1': choose --metric from "
        'coco/bbox_mAP'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
        plot_runs([run], tmp_path / 'plot.png', 'accuracy/top1')


def test_epochs_and_iterations_do_not_share_an_axis(tmp_path):
    epochs = read_scalars(write_run(tmp_path / 'a'))
    iterations = RunScalars('b', train={5: {'loss': 1.0, 'step': 5}})
    message = 'some of the runs count epochs and some iterations: plot them apart'
    with pytest.raises(ValueError, match=f'^{message}$'):
        plot_runs([epochs, iterations], tmp_path / 'plot.png')
