"""Studies: plan, resumption, failures and the arithmetic of the report."""

import os
import re
import sys
from pathlib import Path

import cv2
import pytest
import study as study_tool
from study import Grid, main, write_report
from study_plan import Study, Trial, read_study
from study_report import (
    Interval,
    differences,
    interval,
    markdown,
    paired,
    report,
    summary,
)
from study_table import Row, add_row, find_rows, read_table

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'study'
STUDIES = [p for p in sorted(FOLDER.glob('*.py')) if 'methods = ' in p.read_text()]

# Stands in for tools/train.py: writes what mmengine leaves of one epoch.
SCRIPT = """
import json, os, sys
folder, seed, words = sys.argv[1:]
if words == 'fail':
    sys.exit('no such luck')
os.makedirs(folder + '/1/vis_data')
train = dict(lr=1, loss=1.0, time=2.0, epoch=1, iter=4, step=4)
scores = [0.5 + int(seed), 0.25 + int(seed)] if words != 'blind' else []
val = [dict(acc=score, step=step) for step, score in enumerate(scores)]
with open(folder + '/1/vis_data/scalars.json', 'w') as file:
    file.writelines(json.dumps(record) + '\\n' for record in [train, *val])
with open(folder + '/data', 'w') as file:
    names = 'TSKD_DATA', 'OMP_NUM_THREADS', 'PYTHONPATH'
    file.write(' '.join(os.environ[name] for name in names))
"""


class FakeTrial(Trial):
    """A trial whose training is a short script; its config's name says how it goes."""

    epochs = 1

    @property
    def fingerprint(self) -> str:
        return self.config.name

    def command(self, work_dir: Path) -> list[str]:
        return ['-c', SCRIPT, str(work_dir), str(self.seed), self.config.name]


@pytest.fixture
def grid(tmp_path, monkeypatch) -> Grid:
    monkeypatch.setattr(study_tool, 'POLL', 0.02)
    monkeypatch.setenv('PYTHONPATH', 'elsewhere')
    methods = {name: (Path(name), ()) for name in ('good', 'fail', 'other')}
    pairs = (('good', 'other'),)
    study = Study('toy', tmp_path / 'home', 'acc', methods, (0, 1), pairs)
    return Grid(study, tmp_path / 'runs.csv', tmp_path / 'out', tmp_path / 'data')


def trials(grid: Grid, seeds=(0, 1)) -> list[Trial]:
    return [
        FakeTrial('toy', method, seed, config)
        for seed in seeds
        for method, (config, _) in grid.study.methods.items()
    ]


def row(method: str, seed: int, last: float, **changes) -> Row:
    values = {
        'study': 'toy',
        'method': method,
        'seed': seed,
        'metric': 'acc',
        'epochs': 1,
        'last': last,
        'best': last + 1,
        'seconds': 60.0,
        'cpu_seconds': 100.0,
        'versions': 'a=1 b=2',
        'fingerprint': method,
    }
    return Row(**values | changes)


def test_every_method_has_its_turn_before_the_next_seed(grid):
    order = [str(trial) for trial in grid.study.trials()]
    assert order == [
        *(f'{method} seed 0' for method in ('good', 'fail', 'other')),
        *(f'{method} seed 1' for method in ('good', 'fail', 'other')),
    ]
    assert [trial.seed for trial in grid.study.trials([7])] == [7, 7, 7]


def test_a_failure_loses_no_other(grid, capsys):
    failed = grid.run(trials(grid), jobs=2)
    assert sorted(str(trial) for trial in failed) == ['fail seed 0', 'fail seed 1']
    rows = read_table(grid.table)
    assert sorted((r.method, r.seed, r.last, r.best) for r in rows) == [
        ('good', 0, 0.25, 0.5),
        ('good', 1, 1.25, 1.5),
        ('other', 0, 0.25, 0.5),
        ('other', 1, 1.25, 1.5),
    ]
    assert {r.seconds for r in rows} == {8.0}  # 4 iterations of 2 seconds
    assert all(0 < r.cpu_seconds < 60 for r in rows)
    said = capsys.readouterr().out
    log = grid.out / 'toy' / 'fail' / 'seed0' / 'train.log'
    assert f':\nno such luck\nwhole log: {log}\n' in said
    assert re.search(r'good seed 0 +done in \d+:\d\d: last 0.25, best 0.5\n', said)
    place = grid.out / 'toy' / 'good' / 'seed0' / 'data'
    assert place.read_text() == f'{grid.data} 1 {grid.study.folder}:elsewhere'


def test_the_same_command_goes_on(grid, capsys):
    add_row(grid.table, row('good', 0, 9.0))
    add_row(grid.table, row('other', 0, 9.0, fingerprint='of another config'))
    failed = grid.run(trials(grid, seeds=[0]), jobs=1)
    assert [str(trial) for trial in failed] == ['fail seed 0']
    assert 'toy                  1 trainings known, 2 to do' in capsys.readouterr().out
    found = {
        t.method: r
        for t, r in find_rows(
            read_table(grid.table), trials(grid), grid.study.metric
        ).items()
    }
    assert found['good'].last == 9.0
    assert found['other'].last == 0.25


def test_a_row_of_another_metric_is_none_of_this_study(grid):
    [trial, *_] = trials(grid)
    rows = [row(trial.method, trial.seed, 1.0, fingerprint=trial.fingerprint)]
    assert find_rows(rows, [trial], 'acc') == {trial: rows[0]}
    assert find_rows(rows, [trial], 'loss') == {}


def test_a_training_without_the_metric_has_failed(grid, capsys):
    blind = FakeTrial('toy', 'blind', 0, Path('blind'))
    assert grid.run([blind], jobs=1) == [blind]
    assert read_table(grid.table) == []
    said = capsys.readouterr().out
    assert said.splitlines()[-1].split() == (
        ['blind', 'seed', '0', 'has', 'no', 'validation', 'metric', 'acc']
    )


def test_an_interrupted_training_starts_anew(grid):
    [trial] = trials(grid, seeds=[0])[:1]
    folder = grid.out / 'toy' / 'good' / 'seed0'
    (folder / '0' / 'vis_data').mkdir(parents=True)
    (folder / 'train.log').write_text('half')
    (folder / '0' / 'vis_data' / 'scalars.json').write_text('{"acc": 99, "step": 9}\n')
    assert grid.run([trial], jobs=1) == []
    assert read_table(grid.table)[0].best == 0.5


def test_foreign_folder_is_left_alone(grid):
    folder = grid.out / 'toy' / 'good' / 'seed0'
    folder.mkdir(parents=True)
    (folder / 'thesis.tex').write_text('precious')
    message = (
        f'{folder} is in the way: it holds files, but no train.log of an earlier '
        'training; give another --out or move it away'
    )
    with pytest.raises(SystemExit, match=f'^{re.escape(message)}$'):
        grid.run(trials(grid), jobs=1)
    assert (folder / 'thesis.tex').read_text() == 'precious'


def test_trainings_end_with_the_study(grid, monkeypatch):
    started = []
    begin = Grid._start
    monkeypatch.setattr(
        Grid,
        '_start',
        lambda self, trial: started.append(begin(self, trial)) or started[-1],
    )
    monkeypatch.setattr(
        study_tool.time, 'sleep', lambda _: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        grid.run(trials(grid), jobs=2)
    assert len(started) == 2
    assert all(training.process.poll() is not None for training in started)


def test_table_round_trip(tmp_path):
    rows = [row('a, b', 0, 0.1), row('c', 1, 2.5)]
    for one in rows:
        add_row(tmp_path / 'new' / 'runs.csv', one)
    assert read_table(tmp_path / 'new' / 'runs.csv') == rows
    assert read_table(tmp_path / 'none.csv') == []


def test_foreign_table(tmp_path):
    path = tmp_path / 'runs.csv'
    path.write_text('a,b\n1,2\n')
    message = (
        f'{path} must have the columns study,method,seed,metric,epochs,last,best,'
        'seconds,cpu_seconds,versions,fingerprint, but has a,b: give another --table'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
        read_table(path)


def test_interval_by_value():
    """Of 1, 2, 3: deviation 1, t(0.975, 2) = 4.302653."""
    found = interval([1.0, 2.0, 3.0])
    assert (found.count, found.mean) == (3, 2.0)
    assert found.half == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    # t(0.975, 1) is the tangent of 85.5 degrees.
    assert interval([0.0, 2.0]).half == pytest.approx(12.706205, rel=1e-6)
    assert interval([5.0]) == Interval(1, 5.0, None)
    assert interval([]) == Interval(0, None, None)


RESULTS = {
    'none': {0: row('none', 0, 1.0), 1: row('none', 1, 3.0)},
    'kd': {
        1: row('kd', 1, 6.0, cpu_seconds=150.0),
        2: row('kd', 2, 50.0),
        0: row('kd', 0, 2.0, cpu_seconds=250.0),
    },
}
STUDY = Study(
    'toy',
    Path(),
    'acc',
    {name: (Path(name), ()) for name in ('none', 'kd', 'tskd')},
    (0, 1, 2),
    (('kd', 'none'), ('tskd', 'kd')),
    times=10,
)


def test_paired_by_seed():
    """Seeds 0 and 1: +1 and +3; seed 2 has no partner."""
    found = paired(RESULTS, 'kd', 'none', 'last')
    assert (found.count, found.mean) == (2, 2.0)
    assert found.half == pytest.approx(12.706205 * 2**0.5 / 2**0.5, rel=1e-6)
    assert paired(RESULTS, 'tskd', 'kd', 'last') == Interval(0, None, None)


def test_summary_by_value():
    assert summary(STUDY, RESULTS) == [
        ('method', 'seeds', 'last', 'best', 'cost'),
        ('none', '2', '20.00 ± 14.14', '30.00 ± 14.14', '1.00x'),
        ('kd', '3', '193.33 ± 266.33', '203.33 ± 266.33', '2.00x'),
        ('tskd', '0', '-', '-', '-'),
    ]


def test_differences_by_value():
    one_seed = {**RESULTS, 'tskd': {0: row('tskd', 0, 1.5)}}
    assert differences(STUDY, one_seed)[1:] == [
        (
            *('kd - none', '2'),
            *('+20.00', '-107.06 to +147.06'),
            *('+20.00', '-107.06 to +147.06'),
        ),
        ('tskd - kd', '1', '-5.00', '-', '-5.00', '-'),
    ]


def test_markdown_table():
    assert markdown([('a', 'b'), ('c', '1')]) == '| a | b |\n| --- | --: |\n| c | 1 |'


def test_report_says_what_is_missing():
    text = report(STUDY, RESULTS, (0, 1))
    assert (
        '4 of 6 trainings are done; missing (method and seed): tskd 0, tskd 1.' in text
    )
    assert 'Last and best: `acc`, times 10, mean' in text


def test_report_says_what_is_of_other_versions():
    assert 'versions' not in report(STUDY, RESULTS, (0, 1))
    other = {**RESULTS, 'tskd': {0: row('tskd', 0, 1.5, versions='a=0 b=2')}}
    assert (
        'trainings are done (with packages of different versions: a=0 b=2; a=1 b=2);'
        in report(STUDY, other, (0, 1))
    )


def test_report_and_plot_are_written(grid):
    grid.run(trials(grid), jobs=2)
    fakes = trials(grid)
    object.__setattr__(grid.study, 'trials', lambda seeds: iter(fakes))
    path = write_report(grid, (0, 1))
    assert '4 of 6 trainings are done' in path.read_text()
    assert '| good - other | 2 | +0.00 | +0.00 to +0.00 |' in path.read_text()
    assert cv2.imread(str(path.with_suffix('.png'))).std() > 10


@pytest.mark.parametrize('path', STUDIES, ids=lambda path: path.stem)
def test_shipped_study(path):
    study = read_study(path)
    plan = [*study.trials([0])]
    assert len({trial.fingerprint for trial in plan}) == len(plan)
    budgets = {(trial.epochs, str(trial.content.optim_wrapper)) for trial in plan}
    assert len(budgets) == 1
    for trial in plan:
        words = trial.command(Path('out'))
        assert words[:4] == ['tools/train.py', str(trial.config), '--work-dir', 'out']
        assert words[4:6] == ['--cfg-options', 'randomness.seed=0']


def test_fingerprint_follows_config_options_and_teacher(tmp_path):
    (tmp_path / 'teacher.py').write_text('model = dict(depth=56)\n')
    text = f"model = dict(width=1, teacher='{tmp_path}/teacher.py')\n"
    (tmp_path / 'a.py').write_text(text)
    first = Trial('s', 'm', 0, tmp_path / 'a.py').fingerprint
    assert re.fullmatch('[0-9a-f]{12}', first)
    assert Trial('t', 'n', 1, tmp_path / 'a.py').fingerprint == first
    changed = Trial('s', 'm', 0, tmp_path / 'a.py', ('model.width=2',))
    assert changed.content.model.width == 2
    (tmp_path / 'b.py').write_text(text.replace('teacher.py', 'other.py'))
    (tmp_path / 'other.py').write_text('model = dict(depth=20)\n')
    other = Trial('s', 'm', 0, tmp_path / 'b.py')
    assert len({first, changed.fingerprint, other.fingerprint}) == 3


def test_a_study_that_is_not_there(tmp_path):
    path = tmp_path / 'no.py'
    with pytest.raises(FileNotFoundError, match=f'^there is no study {path}$'):
        read_study(path)


def write_study(folder: Path, comparisons: str = '[]') -> Path:
    path = folder / 'mine.py'
    path.write_text(
        "metric = 'acc'\nseeds = [0]\nmethods = dict(kd=dict(config='kd.py'))\n"
        f'comparisons = {comparisons}\n'
    )
    return path


def test_a_method_without_its_config(tmp_path):
    path = write_study(tmp_path)
    message = f'{path}: there is no config {tmp_path}/kd.py for the method kd'
    with pytest.raises(FileNotFoundError, match=f'^{re.escape(message)}$'):
        read_study(path)


def test_a_comparison_without_its_method(tmp_path):
    path = write_study(tmp_path, "[('kd', 'kdd')]")
    (tmp_path / 'kd.py').write_text('')
    message = f"{path}: comparisons must be of methods among kd, but got 'kdd'"
    with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
        read_study(path)


def test_command_line(tmp_path, monkeypatch, capsys):
    """Only the report: of a table that knows the only training."""
    path = write_study(tmp_path)
    (tmp_path / 'kd.py').write_text('model = dict(a=1)\n')
    mark = Trial('mine', 'kd', 0, tmp_path / 'kd.py').fingerprint
    add_row(tmp_path / 'out' / 'runs.csv', row('kd', 0, 3.0, fingerprint=mark))
    monkeypatch.setenv('TSKD_DATA', 'elsewhere')
    words = ['study.py', str(path), '--out', str(tmp_path / 'out'), '--report-only']
    monkeypatch.setattr(sys, 'argv', words)
    monkeypatch.setattr(study_tool.signal, 'signal', lambda *_: None)
    main()
    said = capsys.readouterr().out
    assert '1 of 1 trainings are done.' in said
    assert '| kd | 1 | 3.00 | 4.00 | 1.00x |' in said
    assert said.endswith(f'written to {tmp_path}/out/mine.md\n')
    assert 'TSKD_DATA' not in os.environ
