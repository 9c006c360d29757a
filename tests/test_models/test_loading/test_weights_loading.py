"""Weights come from a file or a URL and must fit the model."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from toys import same_tensors

from tskd_mm.models.loading import checkpoint as weights
from tskd_mm.models.loading.checkpoint import load_strictly, load_weights

STATE = {'conv.weight': torch.arange(4.0)}
URL = 'https://example.invalid/models/teacher.pth'


def _save(folder: Path, content: dict[str, Tensor] | dict[str, dict]) -> str:
    torch.save(content, folder / 'file.pth')
    return str(folder / 'file.pth')


def test_strict_loading(tmp_path: Path):
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    load_strictly(target, _save(tmp_path, {'state_dict': source.state_dict()}))
    assert same_tensors(target.state_dict(), source.state_dict())


def test_the_modules_own_conversions_apply(tmp_path: Path):
    source, target = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    source.running_mean.fill_(3)
    state = dict(source.state_dict())  # no metadata and
    del state['num_batches_tracked']  # no counter: as before PyTorch 0.4.1
    load_strictly(target, _save(tmp_path, state))
    assert same_tensors(target.state_dict(), source.state_dict())
    state = source.state_dict()
    del state['num_batches_tracked']  # of today: the counter is missed
    with pytest.raises(ValueError, match='Missing key.*num_batches_tracked'):
        load_strictly(target, _save(tmp_path, {'state_dict': state}))


def test_what_older_hosts_left_over_is_left_out(tmp_path: Path):
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    extras = {'data_preprocessor.mean': torch.ones(3), 'ema_weight': torch.ones(1)}
    load_strictly(target, _save(tmp_path, {**source.state_dict(), **extras}))
    assert same_tensors(target.state_dict(), source.state_dict())


def test_strict_loading_lists_every_problem(tmp_path: Path):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    state = {
        '0.weight': torch.zeros(2, 3),
        '0.bias': torch.zeros(3),
        '1.weight': torch.zeros(1, 3),
        'old': torch.zeros(1),
    }
    path = _save(tmp_path, state)
    text = (
        f'{path} does not fit Sequential: give the weights that were trained with this '
        'very config\n'
        '\tMissing key(s) in state_dict: "1.bias". \n'
        '\tUnexpected key(s) in state_dict: "old". \n'
        '\tsize mismatch for 0.weight: copying a param with shape torch.Size([2, 3]) '
        'from checkpoint, the shape in current model is torch.Size([3, 2]).'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        load_strictly(model, path)


def test_a_url_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def unreachable(url: str, target: str) -> None:
        raise OSError('no route to host')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(weights, 'download_url_to_file', unreachable)
    text = (
        f'{URL} cannot be downloaded (no route to host): download it on a machine with '
        'access and give teacher_checkpoint its path'
    )
    with pytest.raises(ConnectionError, match=f'^{re.escape(text)}$'):
        load_weights(URL)


def test_a_url_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []

    def download(url: str, target: str) -> None:
        calls.append((url, target))
        torch.save(STATE, target)

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(weights, 'download_url_to_file', download)
    for _ in range(2):
        assert same_tensors(load_weights(URL), STATE)
    assert calls == [(URL, str(tmp_path / 'hub' / 'checkpoints' / 'teacher.pth'))]


@pytest.mark.parametrize('shared', [True, False])
def test_one_process_of_a_machine_downloads(tmp_path, monkeypatch, shared: bool):
    """This one is the second, on the same machine or on another."""
    events = []

    def download(url: str, target: str) -> None:
        events.append('download')
        torch.save(STATE, target)

    def wait() -> None:
        events.append('wait')
        if shared:  # the first has the file by then
            folder = tmp_path / 'hub' / 'checkpoints'
            folder.mkdir(parents=True)
            torch.save(STATE, folder / 'teacher.pth')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(weights, 'download_url_to_file', download)
    monkeypatch.setattr(weights, 'is_main_process', lambda: False)
    monkeypatch.setattr(weights, 'barrier', wait)
    assert same_tensors(load_weights(URL), STATE)
    assert events == (['wait'] if shared else ['wait', 'download'])
