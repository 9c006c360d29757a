"""MMCV comes as a prebuilt wheel where there is one, and is compiled where not."""

import functools
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import perf_counter

import pytest
from processes import free_port

ROOT = Path(__file__).resolve().parents[1]
INDEX = 'cu121/torch2.1.0'
# Stands in for the environment's Python. Only "pip download" is real; an installation
# leaves a file, and a build leaves three objects of four with the plan of ninja.
PYTHON = f"""#!/bin/sh
here=$(dirname "$0")
for last; do :; done
case "$*" in
"-m pip download "*) exec {sys.executable} "$@" ;;
"-c import mmcv.ops") test -e "$here/works" ;;
-c*) echo {INDEX} ;;
"-m pip uninstall "*) echo "uninstall" >> "$here/calls" ;;
*.whl)
    echo "install $(basename "$last")" >> "$here/calls"
    [ -e "$here/broken" ] || touch "$here/works" ;;
*)
    echo "compile $last CFLAGS=$CFLAGS" >> "$here/calls"
    mkdir -p "$TMPDIR/build"
    cd "$TMPDIR/build"
    touch one.o two.o three.o
    for name in one two three; do echo "build $name.o: compile $name.cpp"; done \\
        > build.ninja
    echo "build four.o: cuda_compile four.cu" >> build.ninja
    sleep 1.5 ;;
esac
"""


@pytest.fixture
def environment(tmp_path) -> Path:
    python = tmp_path / 'venv' / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    return python.parent


@pytest.fixture
def index(tmp_path) -> Iterator[str]:
    """An index on the loopback interface with a wheel of MMCV 2.1.0."""
    folder = tmp_path / 'index' / INDEX
    folder.mkdir(parents=True)
    name = 'mmcv-2.1.0-py3-none-any.whl'
    with zipfile.ZipFile(folder / name, 'w') as wheel:
        info = 'mmcv-2.1.0.dist-info'
        wheel.writestr(
            f'{info}/METADATA', 'Metadata-Version: 2.1\nName: mmcv\nVersion: 2.1.0\n'
        )
        wheel.writestr(
            f'{info}/WHEEL',
            'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
        )
        wheel.writestr(f'{info}/RECORD', '')
    (folder / 'index.html').write_text(f'<html><a href="{name}">{name}</a></html>')
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path / 'index')
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


def install(environment: Path, index: str, name: str = 'mmcv') -> tuple[str, list[str]]:
    """What the script printed, and what was installed."""
    known = {k: v for k, v in os.environ.items() if not k.startswith('PIP_')}
    known |= {'PIP_CONFIG_FILE': os.devnull, 'NO_PROXY': '127.0.0.1'}
    done = subprocess.run(
        ['sh', 'requirements/install_mmcv.sh', name],
        cwd=ROOT,
        env=known
        | {
            'STACK': 'upstream',
            'VENV': str(environment.parent),
            'MMCV_WHEELS': index,
            'PROGRESS_SECONDS': '1',
            'CFLAGS': '-O2',
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, (environment / 'calls').read_text().splitlines()


def test_wheel_of_the_index_is_taken(environment, index):
    said, calls = install(environment, index)
    assert calls == ['install mmcv-2.1.0-py3-none-any.whl']
    assert f'a prebuilt wheel from {index}/{INDEX}/index.html' in said
    assert 'compile' not in said


def test_compiled_without_debug_information_where_nobody_answers(environment):
    began = perf_counter()
    said, calls = install(environment, f'http://127.0.0.1:{free_port()}')
    assert perf_counter() - began < 5  # 1.5 of them for the build
    assert calls == ['compile mmcv CFLAGS=-O2 -g0']
    assert 'It cannot be fetched there' in said
    assert '   3 of 4 files compiled' in said.splitlines()


def test_compiled_where_the_index_has_no_such_wheel(environment, index):
    _, calls = install(environment, f'{index}/nothing')
    assert calls == ['compile mmcv CFLAGS=-O2 -g0']


def test_compiled_where_the_wheel_does_not_work(environment, index):
    (environment / 'broken').touch()
    said, calls = install(environment, index)
    assert [call.split()[0] for call in calls] == ['install', 'uninstall', 'compile']
    assert 'The wheel does not work with this PyTorch' in said


def test_forks_are_compiled(environment, index):
    said, calls = install(environment, index, 'onedl-mmcv')
    assert [call.split()[0] for call in calls] == ['compile']
    assert 'prebuilt' not in said


def test_silent_index_is_given_up_after_five_seconds(environment):
    with socket.create_server(('127.0.0.1', 0)) as server:  # takes calls, says nothing
        began = perf_counter()
        _, calls = install(environment, f'http://127.0.0.1:{server.getsockname()[1]}')
    assert 5 < perf_counter() - began < 12
    assert [call.split()[0] for call in calls] == ['compile']
