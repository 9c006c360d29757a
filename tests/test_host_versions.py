import re

import pytest

from tskd_mm import host_versions

GOOD = {'mmengine': '0.10.7', 'mmdet': '3.3.0', 'mmpretrain': '1.2.0'}


@pytest.mark.parametrize(
    'changes, text',
    [
        (
            {'mmengine': None},
            'tskd_mm needs mmengine: pip install "mmengine>=0.10.0,<0.11"',
        ),
        (
            {'mmdet': None, 'mmpretrain': None},
            'tskd_mm needs mmdet for detectors (pip install "mmdet>=3.3.0,<4.0") or '
            'mmpretrain for classifiers (pip install "mmpretrain>=1.2.0,<2.0"), but '
            'neither is installed',
        ),
        (
            {'mmdet': '2.28.0'},
            'tskd_mm needs mmdet >= 3.3.0, < 4.0, but found 2.28.0: pip install '
            '"mmdet>=3.3.0,<4.0"',
        ),
    ],
)
def test_refused(monkeypatch, changes, text):
    monkeypatch.setattr(host_versions, '_installed', (GOOD | changes).get)
    with pytest.raises(ImportError, match=f'^{re.escape(text)}$'):
        host_versions.check_host_versions()


@pytest.mark.parametrize('missing', ['mmdet', 'mmpretrain', None])
def test_one_task_package_is_enough(monkeypatch, missing):
    monkeypatch.setattr(host_versions, '_installed', (GOOD | {missing: None}).get)
    host_versions.check_host_versions()
