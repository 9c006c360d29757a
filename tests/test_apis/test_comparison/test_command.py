"""How a comparison ends as a command."""

import pytest

from tskd_mm.apis.comparison import command
from tskd_mm.apis.comparison.command import run_command


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
