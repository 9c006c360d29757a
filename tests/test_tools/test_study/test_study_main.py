import os
import sys

import cv2
from study_rows import row
from written_study import write_study

from tools.study import __main__ as study_tool
from tools.study.plan import Trial
from tools.study.table import add_row


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
    study_tool.main()
    said = capsys.readouterr().out
    assert '1 of 1 trainings are done.' in said
    assert '| kd | 1 | 3.00 | 4.00 | 1.00x |' in said
    assert said.endswith(f'written to {tmp_path}/out/mine.md\n')
    assert 'TSKD_DATA' not in os.environ
    assert cv2.imread(str(tmp_path / 'out' / 'mine.png')).std() > 10
