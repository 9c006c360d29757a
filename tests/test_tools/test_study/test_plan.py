import re
from pathlib import Path

import pytest
from doc_blocks import ROOT
from written_study import write_study

from tools.study.plan import Study, Trial, read_study

FOLDER = ROOT / 'configs' / 'study'
STUDIES = [p for p in sorted(FOLDER.glob('*.py')) if 'methods = ' in p.read_text()]


def test_every_method_has_its_turn_before_the_next_seed():
    methods = {name: (Path(name), ()) for name in ('good', 'fail', 'other')}
    study = Study('toy', Path(), 'acc', methods, (0, 1), ())
    order = [str(trial) for trial in study.trials()]
    assert order == [
        *(f'{method} seed 0' for method in ('good', 'fail', 'other')),
        *(f'{method} seed 1' for method in ('good', 'fail', 'other')),
    ]
    assert [trial.seed for trial in study.trials([7])] == [7, 7, 7]


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
