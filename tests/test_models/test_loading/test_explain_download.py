"""A student whose own weights cannot be fetched, and what comes before that."""

from urllib.error import URLError

import pytest
from mmengine.runner import CheckpointLoader
from refusals import refused
from toys import tiny_distiller

pytestmark = pytest.mark.usefixtures('mmdet_scope')
URL = 'https://example.org/small.pth'


@pytest.fixture
def offline(monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise URLError('no route to host')

    monkeypatch.setattr(CheckpointLoader, 'load_checkpoint', fail)


def starting_from_url(**config: object):
    model = tiny_distiller(**config)
    model.student.backbone.init_cfg = dict(type='Pretrained', checkpoint=URL)
    return model


def test_the_message_names_the_students_file(offline):
    text = (
        'the initial weights of the student cannot be downloaded (<urlopen error no '
        f'route to host>): its config takes {URL} for backbone; download the file on '
        'a machine with access and give its path as init_cfg.checkpoint in the '
        "student's config, or write init_cfg=None to start from random weights"
    )
    with refused(text, ConnectionError):
        starting_from_url().init_weights()


@pytest.mark.parametrize('path', ['PATH OF THE WEIGHTS', 'missing/epoch_12.pth'])
def test_a_missing_teacher_is_found_before_the_download(offline, path):
    model = starting_from_url(teacher_checkpoint=path)
    with refused(f'there is no checkpoint file {path}', FileNotFoundError):
        model.init_weights()
