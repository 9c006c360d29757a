"""Hooks of the student's own config that a distillation no longer has."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.registry import HOOKS

from tskd_mm.engine.preflight.lost_hooks import lost_hooks

HOST = """\
_base_ = 'runtime.py'
model = dict(type='Host')
custom_hooks = [dict(type='EMAHook'), dict(type='mmdet.YOLOXModeSwitchHook')]
"""
OURS = """\
_base_ = 'host.py'
model = dict(_delete_=True, type='TSKDDistiller', student=_base_.model, teacher='x')
"""
MEMORY = "dict(type='TSKDMemoryHook', interval=1)"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """With a host's config and one that distils it and loses its hooks."""
    (tmp_path / 'runtime.py').write_text("custom_hooks = [dict(type='SyncHook')]\n")
    (tmp_path / 'host.py').write_text(HOST)
    (tmp_path / 'ours.py').write_text(f'{OURS}custom_hooks = [{MEMORY}]\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lost(file: str, *hooks: type[Hook]) -> list[str]:
    """In a training with these hooks and those of the config that are known."""
    config = Config.fromfile(file)
    kinds = [*map(HOOKS.get, (hook.type for hook in config.get('custom_hooks', [])))]
    running = [object.__new__(kind) for kind in (*kinds, *hooks) if kind]
    runner = SimpleNamespace(cfg=config, hooks=running)
    return [warning for _, warning in lost_hooks(runner)]


def warning(names: str, source: str, advice: str = '') -> str:
    keep = "keep them with custom_hooks=[*_base_.get('custom_hooks', []), ...]"
    return (
        f'hooks lost: {names} of {source}, because custom_hooks replaces the list of '
        f'a base; {advice or keep}'
    )


BOTH = 'EMAHook, mmdet.YOLOXModeSwitchHook'


def test_lost_hooks_are_those_of_the_host_s_config(folder):
    """What the host's own config has replaced, SyncHook, is no loss."""
    assert lost('ours.py') == [warning(BOTH, 'host.py')]


def test_a_hook_that_runs_is_not_lost(folder):
    class OwnEMAHook(EMAHook):
        pass

    rest = [warning('mmdet.YOLOXModeSwitchHook', 'host.py')]
    assert lost('ours.py', EMAHook) == lost('ours.py', OwnEMAHook) == rest


def test_the_advice_keeps_them(folder):
    kept = f"custom_hooks = [*_base_.get('custom_hooks', []), {MEMORY}]\n"
    (folder / 'ours.py').write_text(OURS + kept)
    from mmdet.engine.hooks import YOLOXModeSwitchHook

    assert lost('ours.py', YOLOXModeSwitchHook) == []


def test_a_distillation_between_does_not_hide_them_and_its_own_hook_is_none(folder):
    (folder / 'static.py').write_text(
        "_base_ = ['ours.py', 'schedule.py']\nmodel = dict(review=None)\n"
        "custom_hooks = [dict(type='DistillationHook')]\n"
    )
    (folder / 'schedule.py').write_text('param_scheduler = []\n')
    assert lost('static.py') == [warning(BOTH, 'host.py')]


def test_hooks_of_a_base_without_a_model(folder):
    (folder / 'tskd.py').write_text(f'custom_hooks = [{MEMORY}]\n')
    (folder / 'host.py').write_text("model = dict(type='Host')\n")
    text = OURS.replace("'host.py'", "['host.py', 'runtime.py']")
    (folder / 'ours.py').write_text(f'{text}custom_hooks = [{MEMORY}]\n')
    assert lost('ours.py') == [warning('SyncHook', 'runtime.py')]
    text = OURS.replace("'host.py'", "['host.py', 'tskd.py']")
    hook = "custom_hooks = [dict(type='DistillationHook')]\n"
    (folder / 'ours.py').write_text(text + hook)
    assert lost('ours.py') == []


@pytest.mark.parametrize(
    'student', ['host.py', 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py']
)
def test_a_student_that_is_given_by_its_name(folder, student):
    (folder / 'named.py').write_text(
        f'model = dict(type="TSKDDistiller", student={student!r}, teacher="x")\n'
        f'custom_hooks = [{MEMORY}]\n'
    )
    names = 'EMAHook, PipelineSwitchHook' if '::' in student else BOTH
    assert lost('named.py') == [warning(names, student, 'add them to custom_hooks')]


def test_a_config_without_files_or_bases_tells_nothing(folder):
    Config.fromfile('ours.py').dump('dumped.py')
    assert lost('dumped.py') == []
    assert [*lost_hooks(SimpleNamespace(cfg=Config({}), hooks=[]))] == []
