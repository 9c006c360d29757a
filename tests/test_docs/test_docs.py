"""The docs build without a warning, and what they name is there."""

import ast
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_blocks import ROOT, all_blocks, named_files
from doc_commands import RUN, WAYS, way_of
from mmengine.fileio import load
from mmengine.registry import HOOKS, MODELS
from toys import without_chatter

import tskd_mm  # noqa: F401  (registers the components)
from tskd_mm.engine import ReviewSchedule

pytestmark = pytest.mark.docs
DOCS = ROOT / 'docs'


def page(name: str) -> str:
    """A page with all white space made alike."""
    return ' '.join((DOCS / name).read_text().split())


def test_the_pages_build_and_describe_every_component(tmp_path):
    command = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', DOCS]
    done = subprocess.run([*command, tmp_path], capture_output=True, text=True)
    assert without_chatter(done.stdout + done.stderr) == ''
    assert done.returncode == 0
    names = zlib.decompress((tmp_path / 'objects.inv').read_bytes().split(b'\n', 4)[4])
    described = {line.split()[0].decode() for line in names.splitlines()}
    for component in registered():
        assert any(name.endswith(f'.{component}') for name in described), component


def registered() -> list[str]:
    """Names under which the package's components are in the registries."""
    return [
        name
        for registry in (MODELS, HOOKS)
        for name, component in registry.module_dict.items()
        if component.__module__.startswith('tskd_mm.')
    ]


@pytest.mark.parametrize('name, path', named_files(), ids=lambda value: value)
def test_a_named_file_is_there(name, path):
    assert (ROOT / path).exists()


def test_every_command_is_in_the_table_of_commands():
    commands = [
        f
        for f in (ROOT / 'tools').rglob('*.py')
        if "if __name__ == '__main__'" in f.read_text()
    ]
    known = (DOCS / 'components.md').read_text()
    assert [f for f in commands if f'`{f.relative_to(ROOT)}`' not in known] == []


def test_the_page_on_verification_lists_the_commands_that_are_not_run():
    commands = (c for block in all_blocks('bash') for c in block.statements())
    ways = {way_of(command) for command in commands}
    assert ways == {(way, why) for _, way, why in WAYS}  # none is left over
    section = (DOCS / 'verification.md').read_text().partition('## Commands')[2]
    table = section.partition('\n## ')[0]
    rows = set(re.findall(r'^\| [^|]+ \| ([^|]+) \| ([^|]+) \|$', table, re.M))
    assert rows - {('how', 'needs')} == ways - {(RUN, '')}


def strings(file: Path) -> Iterator[str]:
    """Those of a Python file, with ``…`` for values."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.JoinedStr | ast.Constant):
            parts = getattr(node, 'values', [node])
            yield ''.join(
                str(part.value) if isinstance(part, ast.Constant) else '…'
                for part in parts
            )


def test_no_entry_without_a_message():
    """Every entry under the headings of the package's own is in its code."""
    files = (
        f for package in ('tskd_mm', 'tools') for f in (ROOT / package).rglob('*.py')
    )
    known = [
        text for file in files if '.mim' not in file.parts for text in strings(file)
    ]
    own = (DOCS / 'troubleshooting.md').read_text().split('## Lines of the log')[0]
    entries = [
        ' '.join(entry.split())
        for item in re.findall(r'^- (`.*?)(?:\n\n|\n(?=- )|\Z)', own, re.M | re.S)
        if '(from ' not in item
        for entry in re.findall(r'`([^`]+)`(?=[,:(\s]|$)', item.split(':\n')[0])
    ]
    assert len(entries) > 40
    assert [e for e in entries if not any(e in text for text in known)] == []


def test_every_recipe_is_in_a_table_of_the_paper_page():
    rows = (DOCS / 'paper_tables.md').read_text().splitlines()
    models = load(ROOT / 'configs' / 'tskd' / 'metafile.yml')['Models']
    for model in models:
        name = Path(model['Config']).name
        [row] = [row for row in rows if f'| `{name}` |' in row]
        facts = model['Metadata']
        for key in ('Teacher Box AP', 'Teacher Top 1 Accuracy'):
            if key in facts:
                assert f'| {facts[key]} |' in row, name
        if facts['Training Data'] == 'COCO':
            assert f'| {facts["Epochs"]} |' in row, name


def test_the_table_of_schedules_counts_its_reviews():
    rows = re.findall(
        r'^\| (\d+) \| (\d+) \| (\d+) \|', (DOCS / 'choosing.md').read_text(), re.M
    )
    assert len(rows) == 5
    for epochs, interval, reviews in (map(int, row) for row in rows):
        nodes = ReviewSchedule(interval=interval).nodes(0, epochs)
        assert sum(node.kind == 'review' for _, node in nodes) == reviews
