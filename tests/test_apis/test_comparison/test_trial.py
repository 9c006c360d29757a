import re
from pathlib import Path

from tskd_mm.apis.comparison.trial import Trial


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


def test_fingerprint_does_not_follow_the_place(tmp_path):
    marks = []
    for name in ('here', 'there'):
        root = tmp_path / name
        root.mkdir()
        (root / 'a.py').write_text(f"model = dict(weights='{root}/w.pth')\n")
        marks.append(Trial('s', 'm', 0, root / 'a.py', root=root).fingerprint)
    assert marks[0] == marks[1]


def test_fingerprint_follows_what_the_teacher_s_file_says(tmp_path):
    marks = []
    for depth in (20, 56):
        root = tmp_path / str(depth)
        root.mkdir()
        (root / 'a.py').write_text(f"model = dict(teacher='{root}/teacher.py')\n")
        (root / 'teacher.py').write_text(f'model = dict(depth={depth})\n')
        marks.append(Trial('s', 'm', 0, root / 'a.py', root=root).fingerprint)
    assert marks[0] != marks[1]


def test_length_in_epochs_or_iterations(tmp_path):
    (tmp_path / 'a.py').write_text('train_cfg = dict(max_epochs=7)\n')
    (tmp_path / 'b.py').write_text('train_cfg = dict(by_epoch=False, max_iters=90)\n')
    assert Trial('s', 'm', 0, tmp_path / 'a.py').length == 7
    assert Trial('s', 'm', 0, tmp_path / 'b.py').length == 90


def test_arguments():
    trial = Trial('s', 'm', 3, Path('a.py'), ('model.width=2',))
    assert trial.arguments(Path('out')) == [
        *('a.py', '--work-dir', 'out'),
        *('--cfg-options', 'randomness.seed=3', 'model.width=2'),
    ]
