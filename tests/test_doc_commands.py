"""For every command of the README and the docs it is said how it is checked."""

import os
import re
import subprocess

import pytest
from doc_blocks import DOCS, ROOT, all_blocks
from doc_commands import RUN, STUBBED, WAYS, way_of

pytestmark = pytest.mark.docs
COMMANDS = [c for block in all_blocks('bash') for c in block.statements()]
LAUNCHES = dict.fromkeys(c for c in COMMANDS if re.search(r'\.sh\b', c))


def test_a_way_to_check_is_known_for_every_command():
    for command in COMMANDS:
        assert way_of(command)


def test_a_command_of_a_new_kind_is_refused():
    with pytest.raises(LookupError, match="^no way to check the command 'rm a'"):
        way_of('rm a')


def test_no_way_is_left_over():
    used = {way_of(command) for command in COMMANDS}
    assert [way for _, *way in WAYS if (*way,) not in used] == []


def test_the_page_lists_what_is_not_run():
    page = (DOCS / 'verification.md').read_text()
    section = page.partition('## Commands')[2].partition('\n## ')[0]
    rows = set(re.findall(r'^\| [^|]+ \| ([^|]+) \| ([^|]+) \|$', section, re.M))
    assert rows - {('how', 'needs')} == {way_of(c) for c in COMMANDS} - {(RUN, '')}


@pytest.mark.parametrize('line', LAUNCHES)
def test_a_launcher_hands_its_command_on(line, tmp_path):
    """To torchrun or srun, which a stub stands for."""
    assert way_of(line)[0] == STUBBED
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
