"""For every command of the README and the docs it is said how it is checked."""

import os
import re
import subprocess

import pytest
from doc_blocks import ROOT, all_blocks
from doc_commands import LAUNCHED, TESTED, way_of

pytestmark = pytest.mark.docs
COMMANDS = [words for block in all_blocks('bash') for words in block.commands()]
TOOL = re.compile(r'(?:(?:\w+/)+|tools\.(?:\w+\.)*|run mmdet )(\w+)')
LAUNCHES = dict.fromkeys(' '.join(c) for c in COMMANDS if re.search(r'\.sh\b', str(c)))


def test_a_way_to_check_is_known_for_every_command():
    for words in COMMANDS:
        assert all(way_of(words))


def test_a_command_of_a_new_kind_is_refused():
    with pytest.raises(LookupError, match="^no way to check the command 'rm a'"):
        way_of(['rm', 'a'])


def test_what_is_said_to_be_tested_is():
    """The test that is named names the tool."""
    files = {path.name: path for path in (ROOT / 'tests').rglob('test_*.py')}
    for words in COMMANDS:
        way, test = way_of(words)
        if way == TESTED:
            tool = TOOL.search(' '.join(words))[1]
            assert tool in files[test].read_text(), (words, test)


@pytest.mark.parametrize('line', LAUNCHES)
def test_a_launcher_hands_its_command_on(line, tmp_path):
    """To torchrun or srun, which a stub stands for."""
    assert way_of([line])[0] == LAUNCHED
    for name in ('torchrun', 'srun'):
        (tmp_path / name).write_text('#!/bin/sh\necho "$(basename "$0") $@"\n')
        (tmp_path / name).chmod(0o755)
    path = {'PATH': f'{tmp_path}:{os.environ["PATH"]}'}
    shell = ['bash', '-c', line]
    done = subprocess.run(
        shell, cwd=ROOT, env=os.environ | path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    config = re.search(r'\S+\.py', line.split('.sh ')[1])[0]
    tool = 'train' if '_train.sh' in line else 'test'
    starter = 'srun' if 'slurm' in line else 'torchrun'
    assert re.match(rf'{starter} .*tools/{tool}\.py {config} .*--launcher', done.stdout)
