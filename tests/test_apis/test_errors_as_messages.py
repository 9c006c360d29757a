"""A tool ends with a message where a user can correct something."""

import pytest
from written_run import write_run

from tools.analysis_tools.plot import main
from tskd_mm.apis.errors_as_messages import errors_as_messages


@pytest.mark.parametrize('kind', [ValueError, TypeError, OSError, FloatingPointError])
def test_ends_with_the_message(kind):
    with pytest.raises(SystemExit, match='^no such thing$'), errors_as_messages():
        raise kind('no such thing')


@pytest.mark.parametrize('kind', [RuntimeError, KeyError])
def test_an_error_of_the_code_keeps_its_traceback(kind):
    with pytest.raises(kind), errors_as_messages():
        raise kind


def test_a_picture_that_cannot_be_written(tmp_path, monkeypatch):
    work_dir, file = write_run(tmp_path / 'run'), tmp_path / 'file'
    file.touch()
    monkeypatch.setattr('sys.argv', ['x', str(work_dir), '--out', f'{file}/plot.png'])
    with pytest.raises(SystemExit, match=f"'{file}'$"):
        main()
