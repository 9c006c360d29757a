import os
import sys

import cv2
import pytest
from doc_blocks import ROOT
from study_rows import row
from written_study import write_study

from tools.study import __main__ as study_tool
from tskd_mm.apis.comparison import command
from tskd_mm.apis.comparison.table import add_row
from tskd_mm.apis.comparison.trial import Trial


def test_command_line(tmp_path, monkeypatch, capsys):
    """Only the report: of a table that knows the only training."""
    path = write_study(tmp_path)
    (tmp_path / 'kd.py').write_text('model = dict(a=1)\n')
    mark = Trial('mine', 'kd', 0, tmp_path / 'kd.py').fingerprint
    add_row(tmp_path / 'out' / 'runs.csv', row('kd', 0, 3.0, fingerprint=mark))
    monkeypatch.setenv('TSKD_DATA', 'elsewhere')
    words = ['study.py', str(path), '--out', str(tmp_path / 'out'), '--report-only']
    monkeypatch.setattr(sys, 'argv', words)
    monkeypatch.setattr(command.signal, 'signal', lambda *_: None)
    study_tool.main()
    said = capsys.readouterr().out
    assert '1 of 1 trainings are done.' in said
    assert '| kd | 1 | 3.00 | 4.00 | 1.00x |' in said
    assert said.endswith(f'written to {tmp_path}/out/mine.md\n')
    assert 'TSKD_DATA' not in os.environ
    assert cv2.imread(str(tmp_path / 'out' / 'mine.png')).std() > 10


def test_no_job_at_a_time_is_refused(tmp_path, monkeypatch, capsys):
    words = ['x', str(write_study(tmp_path)), '--jobs', '0']
    monkeypatch.setattr(sys, 'argv', words)
    with pytest.raises(SystemExit):
        study_tool.parse_args()
    assert 'argument --jobs: must be above 0, but got 0' in capsys.readouterr().err


def test_trainings_find_the_data_and_what_lies_next_to_the_study(tmp_path, monkeypatch):
    path = write_study(tmp_path)
    (tmp_path / 'kd.py').write_text('model = dict(a=1)\n')
    grids: list = []

    def run(grid: study_tool.Grid, trials: list, jobs: int) -> list:
        grids.append((grid, jobs, [str(trial) for trial in trials]))
        return []

    monkeypatch.setattr(study_tool.Grid, 'run', run)
    monkeypatch.setattr(command.signal, 'signal', lambda *_: None)
    monkeypatch.setenv('PYTHONPATH', 'elsewhere')
    words = ['x', str(path), '--out', str(tmp_path / 'out'), '--data', str(tmp_path)]
    monkeypatch.setattr(sys, 'argv', [*words, '--seeds', '4', '5', '--jobs', '2'])
    study_tool.main()
    [(grid, jobs, trials)] = grids
    assert (jobs, trials) == (2, ['kd seed 4', 'kd seed 5'])
    assert grid.tool == ROOT / 'tools' / 'train.py'
    places = {'TSKD_DATA': str(tmp_path), 'PYTHONPATH': f'{tmp_path}:elsewhere'}
    assert grid.variables == places
