import json
import re
from pathlib import Path

import cv2
import plot
import pytest
from mmengine.config import Config
from plot import main, plot_runs, run_phases, smooth, usual_loss
from scalars import RunScalars, read_scalars

HOOK = "custom_hooks = [dict(type='TSKDMemoryHook', interval={})]\n"


def write_run(
    work_dir: Path,
    epochs: int = 5,
    iters: int = 4,
    hook: str = '',
    stamp: str = '20260101_000000',
    loss: float = 1.0,
) -> Path:
    """What mmengine leaves behind: a record every 2 iterations, 1 validation each."""
    folder = work_dir / stamp / 'vis_data'
    folder.mkdir(parents=True)
    records = []
    for epoch in range(1, epochs + 1):
        for i in range(2, iters + 1, 2):
            step = (epoch - 1) * iters + i
            train = {'lr': 0.1, 'loss': loss / step, 'time': 0.5, 'epoch': epoch}
            records.append({**train, 'iter': step, 'step': step})
        records.append({'coco/bbox_mAP': epoch / 10, 'time': 0.1, 'step': epoch})
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, records)) + '\n')
    (folder / 'config.py').write_text(hook)
    return work_dir


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


def test_scalars_by_value(tmp_path):
    run = read_scalars(write_run(tmp_path / 'a', epochs=2, iters=4, loss=8.0))
    assert run.name == 'a'
    assert run.iters_per_epoch == 4
    assert run.losses() == [(0.5, 4.0), (1.0, 2.0), (1.5, 8 / 6), (2.0, 1.0)]
    assert run.metrics('coco/bbox_mAP') == [(1.0, 0.1), (2.0, 0.2)]
    assert run.seconds() == 2 * 4 * 0.5


def test_seconds_of_records_that_differ(tmp_path):
    """Each mean is of the iterations since the last: 2 of 3 s, 2 of 1 s, 1 of 5 s."""
    run = RunScalars('a', {2: {'time': 3.0}, 4: {'time': 1.0}, 5: {'time': 5.0}})
    assert run.seconds() == 2 * 3 + 2 * 1 + 5


def test_iterations_of_an_epoch_whose_last_was_not_logged(tmp_path):
    """7 iterations an epoch, logged every 2: the last record is the 6th."""
    assert read_scalars(write_run(tmp_path, epochs=8, iters=7)).iters_per_epoch == 7


def test_resumed_run_counts_where_both_speak(tmp_path):
    write_run(tmp_path, epochs=3, stamp='20260101_000000', loss=1.0)
    write_run(tmp_path, epochs=2, stamp='20260102_000000', loss=100.0)
    losses = dict(read_scalars(tmp_path).losses())
    assert losses[2.0] == 100 / 8
    assert losses[3.0] == 1 / 12


def test_smooth_by_value():
    points = [(float(x), float(y)) for x, y in enumerate([4, 2, 6, 0])]
    assert smooth(points, window=2) == [(0, 4), (1, 3), (2, 4), (3, 3)]


def test_writes_a_picture(tmp_path, monkeypatch):
    write_run(tmp_path / 'alone')
    write_run(tmp_path / 'tskd', hook=HOOK.format(1))
    out = tmp_path / 'new' / 'plot.png'
    monkeypatch.setattr(
        'sys.argv', ['x', f'{tmp_path}/alone', f'{tmp_path}/tskd', '--out', str(out)]
    )
    main()
    assert cv2.imread(str(out)).std() > 10


def test_the_loss_is_comparable_in_a_review(tmp_path):
    train = {1: {'loss': 3.0}, 2: {'loss': 5.0, 'loss_review': 1.5}}
    run = RunScalars('a', train={i: {**r, 'step': i} for i, r in train.items()})
    assert usual_loss(run) == [(1, 3.0), (2, 3.5)]


@pytest.fixture
def shaded(monkeypatch) -> list:
    """What was shaded: spans and how."""
    drawn: list = []
    monkeypatch.setattr(
        plot.Axes, 'axvspan', lambda self, *span, **how: drawn.append((span, how))
    )
    return drawn


def test_one_run_is_drawn_with_each_loss_and_its_first_metric(tmp_path, monkeypatch):
    labels = []
    monkeypatch.setattr(plot.Axes, 'set_ylabel', lambda self, text: labels.append(text))
    lines = []
    draw = plot.Axes.plot
    monkeypatch.setattr(
        plot.Axes,
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


def test_runs_of_one_schedule_are_shaded_once(tmp_path, shaded):
    runs = [
        read_scalars(write_run(tmp_path / name, hook=HOOK.format(1)))
        for name in ('one', 'two')
    ]
    plot_runs(runs, tmp_path / 'plot.png')
    assert [span for span, _ in shaded] == [(3, 4), (3, 4)]  # in both panels
    assert {(how['color'], how['label']) for _, how in shaded} == {
        (plot.SHADE, 'review')
    }


def test_runs_of_two_schedules_are_shaded_each(tmp_path, shaded):
    runs = [
        read_scalars(write_run(tmp_path / str(n), epochs=9, hook=HOOK.format(n)))
        for n in (1, 2)
    ]
    plot_runs(runs, tmp_path / 'plot.png')
    spans = {(span, how['color']) for span, how in shaded}
    assert spans == {
        ((3, 4), plot.COLORS[0]),
        ((7, 8), plot.COLORS[0]),
        ((6, 7), plot.COLORS[1]),
    }


def test_shades_only_the_run_with_the_hook(tmp_path, shaded):
    write_run(tmp_path / 'alone')
    write_run(tmp_path / 'tskd', hook=HOOK.format(1))
    runs = [read_scalars(tmp_path / name) for name in ('alone', 'tskd')]
    plot_runs(runs, tmp_path / 'plot.png')
    assert [span for span, _ in shaded] == [(3, 4), (3, 4)]  # in both panels
    assert {how['color'] for _, how in shaded} == {plot.COLORS[1]}


def test_default_place(tmp_path, monkeypatch):
    monkeypatch.setattr('sys.argv', ['x', str(write_run(tmp_path / 'a'))])
    main()
    assert cv2.imread(str(tmp_path / 'a' / 'curves.png')).std() > 10


def test_folder_without_scalars(tmp_path):
    message = (
        f'{tmp_path} holds no */vis_data/scalars.json: give the work_dir of a '
        'training with mmengine'
    )
    with pytest.raises(FileNotFoundError, match=f'^{re.escape(message)}$'):
        read_scalars(tmp_path)


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
