"""A study's trainings: resumed, failed and interrupted."""

import re
from pathlib import Path

import pytest
from study_rows import row

from tools.study.grid import Grid
from tools.study.plan import Study, Trial
from tools.study.table import add_row, find_rows, read_table
from tskd_mm.apis import training_process

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
    monkeypatch.setattr(training_process, 'POLL', 0.02)
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
    assert 'no such luck\n\nafter ' in said
    assert f' the training failed; the whole log is {log}\n' in said
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
