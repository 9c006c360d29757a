"""How a comparison ends as a command."""

from pathlib import Path

import pytest

from tskd_mm.apis.comparison import command
from tskd_mm.apis.comparison.command import run_command
from tskd_mm.apis.comparison.trial import Trial


@pytest.fixture(autouse=True)
def no_signal(monkeypatch):
    monkeypatch.setattr(command.signal, 'signal', lambda *_: None)


@pytest.mark.parametrize(
    'error, text',
    [
        (ValueError('wrong'), 'wrong'),
        (FileNotFoundError('not there'), 'not there'),
        (KeyboardInterrupt(), '\ninterrupted: run the same command again to continue'),
    ],
)
def test_ends_with_a_line(error, text):
    def compare() -> None:
        raise error

    with pytest.raises(SystemExit) as caught:
        run_command(compare)
    assert caught.value.code == text


def test_failures_come_after_the_report(tmp_path, capsys):
    (tmp_path / 'a.md').write_text('# a\n')
    failed = [Trial('s', 'kd', seed, Path('a.py')) for seed in (0, 2)]
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: (tmp_path / 'a.md', failed))
    message = 'failed: kd seed 0, kd seed 2; the same command tries again'
    assert caught.value.code == message
    assert capsys.readouterr().out == f'\n# a\n\nwritten to {tmp_path}/a.md\n'
    run_command(lambda: (tmp_path / 'a.md', []))
