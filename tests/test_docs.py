"""The docs build without a warning, and what they say is so."""

import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from doc_blocks import PAGES, ROOT, Block, all_blocks, block, blocks, named_files
from error_texts import error_texts
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import HOOKS, MODELS, init_default_scope
from mmengine.utils import get_installed_path
from toys import run_tool
from user_files import user_classifier, user_detector

from tskd_mm.engine import ReviewSchedule
from tskd_mm.models.model_source import find_model

DOCS = ROOT / 'docs'
CONFIGS = [b for b in all_blocks('python') if '_base_' in b.text]
SCRIPTS = [b for b in all_blocks('python') if '_base_' not in b.text]


def label(found: Block) -> str:
    return f'{found.page}: {found.heading}'


def page(name: str) -> str:
    """A page with all white space made alike."""
    return ' '.join((DOCS / name).read_text().split())


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A user's folder, with the files that the docs speak of."""
    user_detector(tmp_path)
    user_classifier(tmp_path)
    (tmp_path / 'my_teacher.py').write_text("_base_ = 'my_detector.py'\n")
    lines = block('get_started.md', '3. Your own config', 'python')
    (tmp_path / 'my_tskd_config.py').write_text(lines)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_build(tmp_path):
    command = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', DOCS]
    done = subprocess.run([*command, tmp_path], capture_output=True, text=True)
    assert done.stdout + done.stderr == ''
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
def test_named_file(name, path):
    assert (ROOT / path).exists()


def test_every_command_is_named():
    commands = [
        f for f in (ROOT / 'tools').rglob('*.py') if '__main__' in f.read_text()
    ]
    known = (DOCS / 'components.md').read_text()
    assert [f for f in commands if f'`{f.relative_to(ROOT)}`' not in known] == []


def test_languages():
    found = {(b.page, b.language) for page in PAGES for b in blocks(page)}
    assert {language for _, language in found} <= {'bash', 'python', 'text', ''}
    assert {page for page, language in found if not language} <= {'README.md'}


@pytest.mark.parametrize('config', CONFIGS, ids=label)
def test_config_block(config, folder):
    """It loads, and its distiller finds levels that go together."""
    (folder / 'written.py').write_text(config.text)
    content = Config.fromfile(folder / 'written.py')
    init_default_scope(content.default_scope)
    if content.model.type != 'TSKDDistiller':
        assert content.load_from  # a config to fine-tune the student
        return
    hook = content.custom_hooks[-1]
    assert HOOKS.build(hook).schedule.interval == hook['interval']
    teacher = find_model(content.model.teacher, 'teacher').config
    for part in (content.model.student, teacher):
        part['backbone']['init_cfg'] = None
    content.model.update(teacher=teacher, teacher_checkpoint=None)
    if 'data_preprocessor' in content:
        content.model.data_preprocessor = content.data_preprocessor
        content.model.student.head.num_classes = 10  # those of the teacher
    model = MODELS.build(content.model)
    model.init_weights()
    assert len(model.review.predictors) == len(model.teacher.tap.dry_run().levels)


@pytest.mark.parametrize('script', SCRIPTS, ids=label)
def test_script_block(script, capsys):
    """It runs, and prints what the docs say. Trained students: test_readme.py."""
    if 'Inferencer' in script.text:
        assert script.page == 'after_training.md'
        return
    exec(script.text, {})
    said = capsys.readouterr().out
    following = [b for b in blocks(DOCS / script.page) if b.heading == script.heading]
    for output in (b.text for b in following if b.language == 'text'):
        assert said == output


def test_step_by_step():
    said = run_tool(ROOT, '-W', 'ignore', 'docs/wrap_a_detector.py')
    assert said == block('step_by_step.md', 'Step by step in Python', 'text')


@pytest.mark.parametrize('shell', all_blocks('bash'), ids=label)
def test_shell_block(shell):
    for words in shell.commands():
        check_command([w for w in words if w not in ('do', 'then')])


def check_command(words: list[str]) -> None:
    """Its files, flags and keys of a config exist."""
    if words[0] == 'make':
        assert re.search(rf'^{words[1]}:', (ROOT / 'Makefile').read_text(), re.M)
    if words[0] not in ('python', 'bash'):
        return
    tool, *arguments = words[1:]
    help_text = source_of(tool)
    flags = [a.split('=')[0] for a in arguments if a.startswith('--')]
    assert [flag for flag in flags if flag not in help_text] == []
    config = next((a for a in arguments if a.startswith('configs/')), None)
    if config and '--cfg-options' in arguments:
        options = arguments[arguments.index('--cfg-options') + 1 :]
        keys = [o.split('=')[0] for o in options if '=' in o]
        content = Config.fromfile(ROOT / config)
        assert [key for key in keys if not settable(content, key)] == []


def source_of(tool: str) -> str:
    """The tool's own text, and the host's where it hands its command line on."""
    text = (ROOT / tool).read_text()
    if 'run_host_tool' in text:
        host = Path(get_installed_path('mmdet'), '.mim', tool)
        text += host.read_text()
    return text


def settable(content: object, key: str) -> bool:
    """Whether all but the last part of a dotted key is there."""
    *parents, _ = key.split('.')
    for part in parents:
        try:
            content = content[int(part) if part.isdigit() else part]
        except (KeyError, IndexError, TypeError):
            return part == 'randomness'  # it has no entry by default
    return True


def test_every_error_has_an_entry():
    known = page('troubleshooting.md')
    stems = {
        text.split(': ')[0].split('\n')[0] for text in error_texts(ROOT / 'tskd_mm')
    }
    assert sorted(stem for stem in stems if stem not in known) == []


def test_no_entry_without_an_error():
    """Every message under the headings of the package's own is raised somewhere."""
    raised = error_texts(ROOT / 'tskd_mm')
    own = (DOCS / 'troubleshooting.md').read_text().split('## No error')[0]
    entries = [
        ' '.join(entry.split())
        for item in re.findall(r'^- (`.*?)(?:\n\n|\n(?=- )|\Z)', own, re.M | re.S)
        if '(from ' not in item
        for entry in re.findall(r'`([^`]+)`(?=[,:(\s]|$)', item.split(':\n')[0])
    ]
    assert len(entries) > 40
    assert [e for e in entries if not any(e in text for text in raised)] == []


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


def test_reviews_of_the_schedules():
    rows = re.findall(
        r'^\| (\d+) \| (\d+) \| (\d+) \|', page_lines('choosing.md'), re.M
    )
    assert len(rows) == 5
    for epochs, interval, reviews in (map(int, row) for row in rows):
        nodes = ReviewSchedule(interval=interval).nodes(0, epochs)
        assert sum(node.kind == 'review' for _, node in nodes) == reviews


def page_lines(name: str) -> str:
    return (DOCS / name).read_text()
