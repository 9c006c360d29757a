"""Trainings run side by side, and none outlives the program or harms a folder."""

import os
import re
import sys
from pathlib import Path

import pytest

from tskd_mm.apis import training_process
from tskd_mm.apis.training_process import (
    Ended,
    TrainingProcess,
    failure,
    make_room,
    run_trainings,
    start_python,
)


@pytest.fixture(autouse=True)
def look_often(monkeypatch):
    monkeypatch.setattr(training_process, 'POLL', 0.02)


def training(folder: Path, name: str, script: str, **variables: str) -> TrainingProcess:
    return TrainingProcess(name, ['-c', script], folder, folder / name, 1, variables)


def test_each_is_reported_with_its_outcome(tmp_path):
    ended: dict[str, Ended] = {}
    trainings = [
        training(tmp_path, 'good', 'import os; print(os.environ["A"])', A='b'),
        training(tmp_path, 'bad', 'raise SystemExit(3)'),
        training(tmp_path, 'busy', 'sum(range(10**6))'),
    ]
    run_trainings(trainings, 2, lambda one, how: ended.update({one.name: how}))
    assert {name: how.code for name, how in ended.items()} == {
        'good': 0,
        'bad': 3,
        'busy': 0,
    }
    assert trainings[0].log.read_text() == 'b\n'
    assert all(0 < how.cpu_seconds < 60 for how in ended.values())


def test_no_more_than_asked_for_at_a_time(tmp_path):
    script = 'from time import sleep, time; a = time(); sleep(0.1); print(a, time())'
    trainings = [training(tmp_path, name, script) for name in 'abc']
    run_trainings(trainings, 1, lambda *_: None)
    times = [float(t) for one in trainings for t in one.log.read_text().split()]
    assert times == sorted(times)


@pytest.mark.parametrize('error', [SystemExit, KeyboardInterrupt])
def test_those_that_run_end_with_the_program(tmp_path, monkeypatch, error):
    started = []

    def start(*arguments):
        started.append(start_python(*arguments))
        return started[-1]

    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr(training_process, 'start_python', start)
    trainings = [
        training(tmp_path, 'short', ''),
        training(tmp_path, 'long', 'from time import sleep; sleep(100)'),
    ]
    with pytest.raises(error):
        run_trainings(trainings, 2, stop)
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


def test_runs_with_this_python_and_one_thread(tmp_path):
    script = 'import os, sys; print(sys.executable, os.environ["OMP_NUM_THREADS"])'
    log = tmp_path / 'log'
    assert start_python(['-c', script], tmp_path, log).wait() == 0
    python, threads = log.read_text().split()
    assert os.path.samefile(python, sys.executable)
    assert threads == '1'


def test_an_old_training_makes_room(tmp_path):
    (tmp_path / 'train.log').write_text('half')
    (tmp_path / 'epoch_1.pth').write_text('old')
    make_room(tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / 'thesis.tex').write_text('precious')
    message = (
        f'{tmp_path} is in the way: it holds files, but no train.log of an earlier '
        'training; give another --out or move it away'
    )
    with pytest.raises(SystemExit, match=f'^{re.escape(message)}$'):
        make_room(tmp_path)
    assert (tmp_path / 'thesis.tex').read_text() == 'precious'


def test_only_the_end_of_a_long_log_is_shown(tmp_path):
    log = tmp_path / 'a.log'
    log.write_text('\n'.join(map(str, range(100))))
    lines = failure('the training', log).splitlines()
    assert (lines[0], lines[24], lines[25]) == ('75', '99', '')
    assert lines[26:] == [f'the training failed; the whole log is {log}']
