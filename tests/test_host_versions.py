import subprocess
import sys
from pathlib import Path

import packaging
import pytest
from packaging.requirements import Requirement
from refusals import refused

from tskd_mm import host_versions

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / 'requirements'
UPSTREAM = {
    'mmengine': '0.10.7',
    'mmdet': '3.3.0',
    'mmpretrain': '1.2.0',
    'torch': '2.1.2',
}
MODERN = {
    'onedl-mmengine': '0.10.12',
    'onedl-mmdetection': '3.5.1',
    'onedl-mmpretrain': '1.3.6',
    'torch': '2.11.0+cu130',
}


NEITHER = (
    'tskd_mm needs mmengine: pip install "mmengine>=0.10.0,<0.11" with '
    'torch>=2.1,<2.6, or pip install "onedl-mmengine>=0.10.12,<0.11" with '
    'torch>=2.6,<3.0'
)


def install(monkeypatch, packages: dict) -> None:
    monkeypatch.setattr(host_versions, '_installed', packages.get)


@pytest.mark.parametrize(
    'packages, text',
    [
        ({'torch': '2.1.2'}, NEITHER),
        (
            UPSTREAM | {'mmdet': None, 'mmpretrain': None},
            'tskd_mm needs mmdet for detectors (pip install "mmdet>=3.3.0,<4.0") or '
            'mmpretrain for classifiers (pip install "mmpretrain>=1.2.0,<2.0"), but '
            'neither is installed',
        ),
        (
            {'onedl-mmengine': '0.10.12', 'torch': '2.11.0'},
            'tskd_mm needs mmdet for detectors (pip install '
            '"onedl-mmdetection>=3.5.1,<4.0") or mmpretrain for classifiers (pip '
            'install "onedl-mmpretrain>=1.3.6,<2.0"), but neither is installed',
        ),
        (
            UPSTREAM | {'mmdet': '2.28.0'},
            'tskd_mm needs mmdet >= 3.3.0, < 4.0 in the upstream stack, but found '
            '2.28.0: pip install "mmdet>=3.3.0,<4.0"',
        ),
        (
            MODERN | {'onedl-mmengine': '0.10.8'},
            'tskd_mm needs onedl-mmengine >= 0.10.12, < 0.11 in the modern stack, but '
            'found 0.10.8: pip install "onedl-mmengine>=0.10.12,<0.11"',
        ),
        (
            UPSTREAM | {'torch': '2.6.0'},
            'tskd_mm needs torch >= 2.1, < 2.6 in the upstream stack, but found 2.6.0: '
            'pip install "torch>=2.1,<2.6"',
        ),
        (
            UPSTREAM | MODERN | {'mmpretrain': None, 'onedl-mmengine': None},
            'tskd_mm found packages of two stacks, mmengine, mmdet and '
            'onedl-mmdetection, onedl-mmpretrain, which overwrite or break each other: '
            'start a new environment with one of them',
        ),
        (
            MODERN | {'transformers': '5.0.1'},
            'onedl-mmpretrain 1.3.6 cannot be imported with transformers 5.0.1 '
            '(NoneType takes no arguments): pip install "transformers<5"',
        ),
    ],
)
def test_other_versions_are_refused(monkeypatch, packages, text):
    install(monkeypatch, packages)
    with refused(text, ImportError):
        host_versions.check_host_versions()


def test_the_import_says_it_where_nothing_is_installed(tmp_path):
    (tmp_path / 'packaging').symlink_to(Path(packaging.__file__).parent)
    found = [str(tmp_path), str(ROOT)]
    code = f'import sys; sys.path += {found}; import tskd_mm'
    command = [sys.executable, '-I', '-S', '-c', code]  # without site-packages
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == f'ImportError: {NEITHER}'


@pytest.mark.parametrize('host', ['mmdet', 'mmpretrain'])
def test_one_host_is_enough(host):
    code = (
        f'import sys; sys.modules[{host!r}] = None; import tskd_mm\n'
        'from torch import nn; from torch.utils.data import DataLoader\n'
        'from tskd_mm.engine.preflight.data_check import check_data\n'
        'check_data(DataLoader([0]), nn.Identity())'
    )
    command = [sys.executable, '-W', 'ignore', '-c', code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    'packages, missing, stack',
    [
        (UPSTREAM, 'mmdet', 'upstream'),
        (UPSTREAM, 'mmpretrain', 'upstream'),
        (UPSTREAM, None, 'upstream'),
        (MODERN, 'onedl-mmdetection', 'modern'),
        (MODERN, 'onedl-mmpretrain', 'modern'),
        (MODERN, None, 'modern'),
    ],
)
def test_one_task_package_is_enough(monkeypatch, packages, missing, stack):
    install(monkeypatch, packages | {missing: None})
    host_versions.check_host_versions()
    assert host_versions.installed_stack() == stack


@pytest.mark.parametrize('stack', ['upstream', 'modern'])
def test_the_requirement_files_ask_for_the_same(stack):
    lines = (REQUIREMENTS / f'{stack}.txt').read_text().splitlines()
    asked = {Requirement(line) for line in lines if not line.startswith('#')}
    needed = host_versions.STACKS[stack].values()
    assert {Requirement(str(package)) for package in needed} <= asked


@pytest.mark.parametrize('stack', ['upstream', 'modern'])
def test_what_is_tested_is_in_the_supported_range(monkeypatch, stack):
    lines = (REQUIREMENTS / f'{stack}.constraints.txt').read_text().splitlines()
    pins = dict(line.split('==') for line in lines if not line.startswith('#'))
    install(monkeypatch, pins)
    host_versions.check_host_versions()
    assert host_versions.installed_stack() == stack
