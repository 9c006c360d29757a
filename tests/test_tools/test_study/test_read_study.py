import re

import pytest
from doc_blocks import ROOT
from written_study import write_study

from tools.study.read_study import read_study

FOLDER = ROOT / 'configs' / 'study'
STUDIES = [p for p in sorted(FOLDER.glob('*.py')) if 'methods = ' in p.read_text()]


@pytest.mark.parametrize('path', STUDIES, ids=lambda path: path.stem)
def test_shipped_study(path):
    study = read_study(path)
    plan = [*study.trials([0])]
    assert len({trial.fingerprint for trial in plan}) == len(plan)
    budgets = {(trial.length, str(trial.content.optim_wrapper)) for trial in plan}
    assert len(budgets) == 1


def test_a_study_that_is_not_there(tmp_path):
    path = tmp_path / 'no.py'
    with pytest.raises(FileNotFoundError, match=f'^there is no study {path}$'):
        read_study(path)


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
