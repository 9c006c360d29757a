"""A checkpoint is a file, or a URL that one process of a machine downloads."""

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from mmengine.runner import CheckpointLoader
from refusals import refused
from toys import same_tensors, tiny_distiller

from tskd_mm.models.loading import checkpoint_file
from tskd_mm.models.loading.checkpoint import load_weights

STATE = {'conv.weight': torch.arange(4.0)}
URL = 'https://example.invalid/models/teacher-0a1b2c3d.pth'


def test_a_missing_file_is_refused():
    with refused('there is no checkpoint file nowhere/a.pth', FileNotFoundError):
        load_weights('nowhere/a.pth')


def test_a_url_that_cannot_be_reached_is_named(tmp_path, monkeypatch):
    def unreachable(url: str, target: str) -> None:
        raise OSError('no route to host')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(checkpoint_file, 'download_url_to_file', unreachable)
    text = (
        f'{URL} cannot be downloaded (no route to host): download it on a machine with '
        'access and give teacher_checkpoint its path'
    )
    with refused(text, ConnectionError):
        load_weights(URL)


def test_a_url_is_downloaded_once(tmp_path, monkeypatch):
    calls = []

    def download(url: str, target: str) -> None:
        calls.append((url, target))
        torch.save(STATE, target)

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(checkpoint_file, 'download_url_to_file', download)
    for _ in range(2):
        assert same_tensors(load_weights(URL), STATE)
    assert calls == [(URL, str(tmp_path / 'hub' / 'checkpoints' / Path(URL).name))]


def test_files_of_one_name_are_told_apart_by_their_url(tmp_path, monkeypatch):
    def download(url: str, target: str) -> None:
        torch.save({'epoch': torch.tensor('late' in url)}, target)

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(checkpoint_file, 'download_url_to_file', download)
    for epoch in ('early', 'late', 'early'):
        weights = load_weights(f'https://example.invalid/{epoch}/model.pth?raw=1')
        assert weights['epoch'] == (epoch == 'late')
    assert all(p.suffix == '.pth' for p in (tmp_path / 'hub/checkpoints').iterdir())


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
            torch.save(STATE, folder / Path(URL).name)

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(checkpoint_file, 'download_url_to_file', download)
    monkeypatch.setattr(checkpoint_file, 'is_main_process', lambda: False)
    monkeypatch.setattr(checkpoint_file, 'barrier', wait)
    assert same_tensors(load_weights(URL), STATE)
    assert events == (['wait'] if shared else ['wait', 'download'])


@pytest.fixture
def offline(monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise URLError('no route to host')

    monkeypatch.setattr(CheckpointLoader, 'load_checkpoint', fail)


def starting_from_url(**config: object):
    """A distiller whose student starts from weights of a URL."""
    model = tiny_distiller(**config)
    model.student.backbone.init_cfg = dict(type='Pretrained', checkpoint=URL)
    return model


@pytest.mark.usefixtures('mmdet_scope')
def test_the_message_names_the_students_file(offline):
    text = (
        'the initial weights of the student cannot be downloaded (<urlopen error no '
        f'route to host>): its config takes {URL} for backbone; download the file on '
        'a machine with access and give its path as init_cfg.checkpoint in the '
        "student's config, or write init_cfg=None to start from random weights"
    )
    with refused(text, ConnectionError):
        starting_from_url().init_weights()


@pytest.mark.usefixtures('mmdet_scope')
@pytest.mark.parametrize('path', ['PATH OF THE WEIGHTS', 'missing/epoch_12.pth'])
def test_a_missing_teacher_is_found_before_the_download(offline, path):
    model = starting_from_url(teacher_checkpoint=path)
    with refused(f'there is no checkpoint file {path}', FileNotFoundError):
        model.init_weights()
