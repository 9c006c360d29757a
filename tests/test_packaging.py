"""Wheels and editable installs bring configs and tools along for mim."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from toys import run_tool
from written_run import write_run

import tskd_mm

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = [
    'configs/_base_/tskd_fpn.py',
    'configs/tskd/retinanet_r101_to_r50_coco.py',
    'configs/tskd/metafile.yml',
    'tools/train.py',
    'tools/dist_train.sh',
    'model-index.yml',
]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """A wheel built from a copy of the project."""
    source = tmp_path_factory.mktemp('source')
    for name in ('tskd_mm', 'configs', 'tools', 'requirements'):
        ignore = shutil.ignore_patterns('.mim', '__pycache__')
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ('setup.py', 'README.md', 'LICENSE', 'model-index.yml'):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, 'setup.py', '-q', 'bdist_wheel', '-d', 'dist']
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [file] = (source / 'dist').glob('*.whl')
    return zipfile.ZipFile(file)


@pytest.mark.parametrize('name', EXPECTED)
def test_a_wheel_has_what_mim_looks_for(wheel, name):
    assert f'tskd_mm/.mim/{name}' in wheel.namelist()


def test_wheel_carries_the_commands_of_users_alone(wheel):
    start = 'tskd_mm/.mim/tools/'
    found = {n.removeprefix(start) for n in wheel.namelist() if n.startswith(start)}
    names = ['train.py', 'test.py', 'check.py', 'compare.py', 'make_config.py']
    names += [f'{k}_{w}.sh' for k in ('dist', 'slurm') for w in ('train', 'test')]
    tools = ('benchmark', 'plot', 'plot_attention')
    names += [f'analysis_tools/{name}.py' for name in tools]
    names += ['dataset_converters/npz_to_folders.py']
    names += ['model_converters/average_checkpoints.py']
    names += ['model_converters/cifar_to_mmpretrain.py']
    names += ['model_converters/student_to_onnx.py']
    assert found == set(names)
    assert not any('/configs/study/' in name for name in wheel.namelist())


def test_tools_of_a_wheel_stand_alone_and_write_nothing_into_it(wheel, tmp_path):
    """They import the package, not each other, and results go to the user's folder."""
    site, user = tmp_path / 'site', tmp_path / 'user'
    wheel.extractall(site)
    write_run(user / 'run')
    before = {path: path.stat().st_mtime_ns for path in site.rglob('*')}
    tools = site / 'tskd_mm' / '.mim' / 'tools'
    paths = {'PYTHONPATH': str(site), 'PYTHONDONTWRITEBYTECODE': '1'}
    run_tool(user, str(tools / 'analysis_tools' / 'plot.py'), 'run', **paths)
    assert (user / 'run' / 'curves.png').is_file()
    assert {path: path.stat().st_mtime_ns for path in site.rglob('*')} == before
    for file in tools.rglob('*.py'):
        assert not re.search(r'^\s*(from|import) (tools|\.)', file.read_text(), re.M)


def test_wheel_has_all_modules(wheel):
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / 'tskd_mm').rglob('*.py')}
    assert {m for m in modules if '.mim' not in m} <= set(wheel.namelist())


def test_wheel_asks_for_a_stack_by_an_extra_only(wheel):
    [metadata] = [n for n in wheel.namelist() if n.endswith('/METADATA')]
    lines = wheel.read(metadata).decode().splitlines()
    asked = [Requirement(x[15:]) for x in lines if x.startswith('Requires-Dist: ')]
    always = {r.name for r in asked if r.marker is None}
    needed = 'matplotlib numpy packaging pycocotools rich scipy torch'
    assert always == set(needed.split())
    for extra, prefix in {'upstream': 'mm', 'modern': 'onedl-mm'}.items():
        names = {
            r.name for r in asked if r.marker and r.marker.evaluate({'extra': extra})
        }
        assert {f'{prefix}engine', f'{prefix}cv', f'{prefix}pretrain'} <= names


@pytest.mark.parametrize('name', EXPECTED)
def test_an_editable_install_links_what_mim_looks_for(name):
    """Editable here: links to the project's own files."""
    assert (Path(tskd_mm.__file__).parent / '.mim' / name).is_file()


def test_model_index_names_every_recipe():
    from mmengine.fileio import load

    listed = {
        model['Config']
        for file in load(ROOT / 'model-index.yml')['Import']
        for model in load(ROOT / file)['Models']
    }
    recipes = (ROOT / 'configs' / 'tskd').glob('*.py')
    assert listed == {str(path.relative_to(ROOT)) for path in recipes}
