"""A study's trainings: resumed, failed and interrupted."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from refusals import refused
from study_rows import row

from tskd_mm.apis import training_process
from tskd_mm.apis.comparison.grid import Grid
from tskd_mm.apis.comparison.study import Study
from tskd_mm.apis.comparison.table import (
    add_row,
    find_rows,
    metric_of,
    read_table,
)
from tskd_mm.apis.comparison.trial import Trial

# Stands in for tools/train.py: writes what mmengine leaves of one epoch.
TOOL = """
import json, os, sys, time
config, _, folder, _, seed, *resume = sys.argv[1:]
name, seed = os.path.basename(config), int(seed.removeprefix('randomness.seed='))
if name == 'fail.py':
    time.sleep(0.5 * (1 - seed))  # the first ends last
    sys.exit('no such luck')
os.makedirs(folder + '/1/vis_data', exist_ok=True)
train = dict(lr=1, loss=1.0, time=2.0, epoch=1, iter=4, step=4)
scores = [0.5 + seed, 0.25 + seed] if name != 'blind.py' else []
val = [dict(acc=score, step=step) for step, score in enumerate(scores)]
with open(folder + '/1/vis_data/scalars.json', 'w') as file:
    file.writelines(json.dumps(record) + '\\n' for record in [train, *val])
with open(folder + '/seen', 'w') as file:
    words = os.environ['COLOUR'], os.environ['OMP_NUM_THREADS'], *resume
    file.write(' '.join(words))
"""


@pytest.fixture
def grid(tmp_path, monkeypatch) -> Grid:
    monkeypatch.setattr(training_process, 'POLL', 0.02)
    methods = {}
    for name in ('good', 'fail', 'other'):
        methods[name] = write_config(tmp_path, name), ()
    pairs = (('good', 'other'),)
    study = Study('toy', tmp_path, 'acc', methods, (0, 1), pairs)
    places = tmp_path / 'runs.csv', tmp_path / 'out', tmp_path / 'tool.py'
    places[-1].write_text(TOOL)
    return Grid(study, *places, {'COLOUR': 'red'})


def write_config(folder: Path, name: str) -> Path:
    path = folder / f'{name}.py'
    path.write_text(f"model = dict(type='{name}')\ntrain_cfg = dict(max_epochs=1)\n")
    return path


def folder_of(grid: Grid, trial: Trial) -> Path:
    return grid.out / 'toy' / trial.method / f'seed{trial.seed}-{trial.fingerprint}'


def trials(grid: Grid, seeds=(0, 1)) -> list[Trial]:
    return [*grid.study.trials(seeds)]


def test_a_failure_loses_no_other(grid, capsys):
    failed = grid.run(trials(grid), jobs=2)
    assert [str(trial) for trial in failed] == ['fail seed 0', 'fail seed 1']
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
    folders = {t.method: folder_of(grid, t) for t in trials(grid, seeds=[0])}
    log = folders['fail'] / 'train.log'
    assert 'no such luck\n\nafter ' in said
    assert f' the training failed; the whole log is {log}\n' in said
    assert re.search(r'good seed 0 +done in \d+:\d\d: last 0.25, best 0.5\n', said)
    assert (folders['good'] / 'seen').read_text() == 'red 1'


def test_the_same_command_goes_on(grid, capsys):
    [known] = trials(grid, seeds=[0])[:1]
    add_row(grid.table, row('good', 0, 9.0, fingerprint=known.fingerprint))
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


def test_a_training_without_the_metric_ends_the_study(grid):
    grid.study = replace(grid.study, metric='mAP')
    text = "good seed 0 has no validation metric 'mAP', but acc: choose from these"
    with refused(text):
        grid.run(trials(grid), jobs=1)
    assert read_table(grid.table) == []
    assert not (grid.out / 'toy' / 'fail').exists()


def test_a_training_without_any_metric(grid):
    grid.study = replace(grid.study, metric='')
    config = write_config(grid.out.parent, 'blind')
    blind = Trial('toy', 'blind', 0, config, root=grid.study.root)
    text = "blind seed 0 has no validation metric '', but none at all: choose from …"
    with refused(text):
        grid.run([blind], jobs=1)


def test_the_metric_of_a_study_without_one(grid):
    grid.study = replace(grid.study, metric='')
    assert grid.run(trials(grid, seeds=[0])[:1], jobs=1) == []
    [found] = read_table(grid.table)
    assert found.metric == metric_of([found], trials(grid)) == 'acc'
    assert metric_of([found], trials(grid, seeds=[1])) == ''


def test_the_best_of_a_loss_is_the_least(grid):
    tool = TOOL.replace('dict(acc=score', 'dict(loss=score')
    grid.tool.write_text(tool)
    grid.study = replace(grid.study, metric='loss')
    assert grid.run(trials(grid, seeds=[0])[:1], jobs=1) == []
    assert read_table(grid.table)[0].best == 0.25


@pytest.mark.parametrize('cost, words', [('seconds', ' --resume'), ('cpu_seconds', '')])
def test_an_interrupted_training_goes_on_unless_its_cpu_time_counts(grid, cost, words):
    grid.study = replace(grid.study, cost=cost)
    [trial] = trials(grid, seeds=[0])[:1]
    folder = folder_of(grid, trial)
    (folder / '0' / 'vis_data').mkdir(parents=True)
    (folder / 'train.log').write_text('half\n')
    (folder / '0' / 'vis_data' / 'scalars.json').write_text('{"acc": 99, "step": 9}\n')
    (folder / 'epoch_1.pth').write_text('weights')
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    assert grid.run([trial], jobs=1) == []
    assert read_table(grid.table)[0].best == (99 if words else 0.5)
    assert (folder / 'seen').read_text() == f'red 1{words}'
    assert (folder / 'train.log').read_text() == ('half\n' if words else '')


def test_a_training_whose_checkpoint_is_gone_starts_anew(grid):
    grid.study = replace(grid.study, cost='seconds')
    [trial] = trials(grid, seeds=[0])[:1]
    folder = folder_of(grid, trial)
    folder.mkdir(parents=True)
    (folder / 'train.log').write_text('half')
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    assert grid.run([trial], jobs=1) == []
    assert (folder / 'seen').read_text() == 'red 1'


def test_a_changed_config_is_not_resumed(grid):
    [before] = trials(grid, seeds=[0])[:1]
    after = replace(before, options=('model.width=2',))
    assert grid.run([before], jobs=1) == grid.run([after], jobs=1) == []
    assert len([*(grid.out / 'toy' / 'good').iterdir()]) == 2
