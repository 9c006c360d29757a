"""The code blocks of the docs and the README work, word for word."""

import re
import subprocess
import sys
from itertools import dropwhile
from pathlib import Path

import pytest
from doc_blocks import PAGES, ROOT, Block, all_blocks, block, blocks
from mmengine.config import Config
from mmengine.registry import HOOKS, MODELS, init_default_scope
from mmengine.utils import get_installed_path
from toys import without_chatter
from user_files import classifier_files, user_detector

from tskd_mm.engine import DistillationHook, TSKDMemoryHook
from tskd_mm.models.features.dry_run import dry_run
from tskd_mm.models.loading.model_config import config_path

pytestmark = pytest.mark.docs
CONFIGS = [
    b
    for b in all_blocks('python')
    # test_readme.py trains with the README's, and says that it is in the docs too.
    if '_base_' in b.text and b.page != 'README.md'
]
SCRIPTS = [b for b in all_blocks('python') if '_base_' not in b.text]


def label(found: Block) -> str:
    return f'{found.page}: {found.heading}'


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The user's, with the files that the docs speak of."""
    user_detector(tmp_path)
    (tmp_path / 'my_teacher.py').write_text("_base_ = 'my_detector.py'\n")
    lines = block('get_started.md', '3. Your own config', 'python')
    (tmp_path / 'my_tskd_config.py').write_text(lines)
    lines = block('extending.md', 'A loss', 'python')
    (tmp_path / 'my_losses.py').write_text(lines)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def nothing_stays_registered(monkeypatch):
    """Classes of one block are new to the next."""
    for registry in (MODELS, HOOKS):
        monkeypatch.setattr(registry, '_module_dict', {**registry.module_dict})
    monkeypatch.delitem(sys.modules, 'my_losses', raising=False)


def test_every_block_names_its_language():
    found = {(b.page, b.language) for page in PAGES for b in blocks(page)}
    assert {language for _, language in found} <= {'bash', 'python', 'text', ''}
    assert {page for page, language in found if not language} <= {'README.md'}


@pytest.mark.parametrize('config', CONFIGS, ids=label)
def test_a_config_block_keeps_the_hooks_of_its_base(config, folder):
    if config.page == 'classifiers.md':
        classifier_files(folder)
    for user in ('my_detector.py', 'my_classifier.py'):
        with (folder / user).open('a') as file:
            file.write("custom_hooks = [dict(type='EMAHook')]\n")
    (folder / 'written.py').write_text(config.text)
    content = Config.fromfile(folder / 'written.py')
    if '::' not in Config._get_base_files(folder / 'written.py')[0]:
        assert dict(type='EMAHook') in content.custom_hooks


@pytest.mark.parametrize('config', CONFIGS, ids=label)
def test_a_config_block_builds(config, folder):
    """It loads, and its distiller finds levels that go together."""
    if config.page == 'classifiers.md':
        classifier_files(folder)
    (folder / 'written.py').write_text(config.text)
    content = Config.fromfile(folder / 'written.py')
    init_default_scope(content.default_scope)
    if content.model.type != 'TSKDDistiller':  # a student, or a teacher
        MODELS.build(content.model)
        return
    check_hook(content)
    teacher = Config.fromfile(config_path(content.model.teacher))
    for part in (content.model.student, teacher.model):
        part['backbone']['init_cfg'] = None
    teacher.dump(folder / 'offline.py')
    content.model.update(teacher=str(folder / 'offline.py'), teacher_checkpoint=None)
    if 'data_preprocessor' in content:
        content.model.data_preprocessor = content.data_preprocessor
    model = MODELS.build(content.model)
    model.init_weights()
    assert len(model.strides) == len(dry_run(model.teacher.tap).strides)


def check_hook(content: Config) -> None:
    """The hook goes with the model, and its arguments are known."""
    hooks = map(HOOKS.build, content.custom_hooks)
    [hook] = [hook for hook in hooks if isinstance(hook, DistillationHook)]
    has_review = content.model.get('review', {}) is not None
    assert isinstance(hook, TSKDMemoryHook) == has_review


@pytest.mark.parametrize('script', SCRIPTS, ids=label)
@pytest.mark.usefixtures('no_scope')
def test_a_script_block_prints_what_the_page_shows(script, capsys):
    """It runs, and prints what the docs say. Trained students: test_readme.py."""
    if 'Inferencer' in script.text:
        assert script.page == 'after_training.md'
        return
    exec(script.text, {})
    said = capsys.readouterr().out
    following = [
        b for b in blocks(ROOT / 'docs' / script.page) if b.heading == script.heading
    ]
    for output in (b.text for b in following if b.language == 'text'):
        assert said == output


def test_the_script_of_the_steps_prints_what_the_page_shows():
    # PyTorch's own warnings of a machine go to the other stream.
    command = [sys.executable, '-W', 'ignore', 'docs/wrap_a_detector.py']
    run = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    said = without_chatter(run.stdout)
    assert said == block('how_it_works.md', 'Step by step in Python', 'text')


@pytest.mark.parametrize('shell', all_blocks('bash'), ids=label)
def test_a_shell_block_has_files_and_flags_that_exist(shell):
    for words in shell.commands():
        check_command([w for w in words if w not in ('do', 'then')])


def check_command(words: list[str]) -> None:
    """Its files, flags and keys of a config exist."""
    words = [*dropwhile(lambda word: re.match(r'[A-Z_]+=', word), words)] or ['']
    if words[0] == 'make':
        assert re.search(rf'^{words[1]}:', (ROOT / 'Makefile').read_text(), re.M)
    if words[0] not in ('python', 'bash'):
        return
    tool, *arguments = words[1:]
    if tool == '-m':
        tool, *arguments = file_of(arguments[0]), *arguments[1:]
    help_text = source_of(tool)
    flags = [a.split('=')[0] for a in arguments if a.startswith('--')]
    assert [flag for flag in flags if flag not in help_text] == []
    config = next((a for a in arguments if a.startswith('configs/')), None)
    if config and '--cfg-options' in arguments:
        options = arguments[arguments.index('--cfg-options') + 1 :]
        keys = [o.split('=')[0] for o in options if '=' in o]
        content = Config.fromfile(ROOT / config)
        assert [key for key in keys if not settable(content, key)] == []


def file_of(module: str) -> str:
    """Path of what ``python -m`` runs."""
    path = module.replace('.', '/')
    return f'{path}/__main__.py' if (ROOT / path).is_dir() else f'{path}.py'


def source_of(tool: str) -> str:
    """The tool's own text, and that of those to which it hands its command line on."""
    text = (ROOT / tool).read_text()
    if tool.startswith('tools/dist_'):
        text += source_of(tool.replace('dist_', '').replace('.sh', '.py'))
    if 'delegate_to_host(' in text:
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
