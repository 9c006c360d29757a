import re

import pytest
from study_rows import row

from tskd_mm.apis.comparison.table import add_row, find_rows, read_table
from tskd_mm.apis.comparison.trial import Trial


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


def test_a_row_of_another_metric_is_not_of_this_study(tmp_path):
    (tmp_path / 'kd.py').write_text('model = dict(a=1)\n')
    trial = Trial('toy', 'kd', 0, tmp_path / 'kd.py')
    rows = [row('kd', 0, 1.0, fingerprint=trial.fingerprint)]
    assert find_rows(rows, [trial], 'acc') == {trial: rows[0]}
    assert find_rows(rows, [trial], 'loss') == {}


def test_a_table_without_a_header_is_a_new_one(tmp_path):
    """As of a comparison that was killed when it made the file."""
    path, one = tmp_path / 'runs.csv', row('kd', 0, 1.0)
    path.touch()
    assert read_table(path) == []
    add_row(path, one)
    assert read_table(path) == [one]


def test_a_row_that_was_cut_off(tmp_path):
    path = tmp_path / 'runs.csv'
    add_row(path, row('kd', 0, 1.0))
    with path.open('a') as file:
        file.write('toy,kd,1,acc')
    message = (
        f'{path}, line 3: expected 11 values, but got 4: remove the line to train '
        'again, or complete it'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
        read_table(path)
