import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from crash_test import crash_test
from mmengine.hooks import CheckpointHook

from tskd_mm.engine import DistillationHook
from tskd_mm.engine.hooks import distillation_hook
from tskd_mm.engine.resume.crash_safe import (
    CrashSafeBackend,
    mend_last_checkpoint,
    save_crash_safely,
)


@pytest.mark.parametrize('kills', [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_runs_end_like_one_left_alone(tmp_path, kills):
    crash_test(tmp_path, kills)


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    target = tmp_path / 'epoch_1.pth'
    CrashSafeBackend().put(b'first', target)

    def crash(descriptor: int) -> None:
        assert target.read_bytes() == b'first'
        raise KeyboardInterrupt

    monkeypatch.setattr(os, 'fsync', crash)
    with pytest.raises(KeyboardInterrupt):
        CrashSafeBackend().put(b'second', target)
    assert target.read_bytes() == b'first'


def test_files_go_after_the_next_has_come(tmp_path):
    old, new = tmp_path / 'epoch_1.pth', tmp_path / 'epoch_2.pth'
    CrashSafeBackend().put(b'first', old)
    CrashSafeBackend().remove(old)
    assert old.exists()
    CrashSafeBackend().put(b'second', new)
    assert [*tmp_path.iterdir()] == [new]


def test_a_file_that_takes_its_own_place_stays(tmp_path, monkeypatch):
    """As ``best`` in an iteration loop, whose epoch is always 0."""
    monkeypatch.chdir(tmp_path)
    for content, name in ((b'1', tmp_path / 'best.pth'), (b'2', 'best.pth')):
        CrashSafeBackend().remove(tmp_path / 'best.pth')
        CrashSafeBackend().put(content, name)
        assert (tmp_path / 'best.pth').read_bytes() == content
    CrashSafeBackend().put(b'3', 'other.pth')  # nothing is left to be removed
    assert (tmp_path / 'best.pth').exists()


@pytest.mark.parametrize('named', [None, '', 'epoch_2.pth'])
def test_last_checkpoint_is_mended(tmp_path, named):
    for name in ('epoch_3.pth', 'epoch_10.pth', 'best_epoch_11.pth'):
        (tmp_path / name).touch()
    pointer = tmp_path / 'last_checkpoint'
    if named is not None:
        pointer.write_text(named and str(tmp_path / named))
    mend_last_checkpoint(str(tmp_path))
    assert pointer.read_text() == str(tmp_path / 'epoch_10.pth')
    # A pointer that works stays, also to an older checkpoint.
    pointer.write_text(str(tmp_path / 'epoch_3.pth'))
    mend_last_checkpoint(str(tmp_path))
    assert pointer.read_text() == str(tmp_path / 'epoch_3.pth')


def test_checkpoints_in_an_out_dir_are_found(tmp_path):
    """A CheckpointHook's out_dir holds a folder of the work_dir's name."""
    work, out = tmp_path / 'work', tmp_path / 'out' / 'work'
    work.mkdir()
    out.mkdir(parents=True)
    (out / 'epoch_2.pth').touch()
    (work / 'last_checkpoint').write_text(str(out / 'epoch_1.pth'))
    saver = CheckpointHook(out_dir=str(tmp_path / 'out'))
    runner = SimpleNamespace(seed=0, work_dir=f'{work}/', hooks=[saver], _train_loop={})
    DistillationHook().before_run(runner)
    assert (work / 'last_checkpoint').read_text() == str(out / 'epoch_2.pth')


def test_other_processes_look_for_it_after_it_is_mended(tmp_path, monkeypatch):
    (tmp_path / 'epoch_2.pth').touch()
    seen = []
    monkeypatch.setattr(
        distillation_hook,
        'barrier',
        lambda: seen.append((tmp_path / 'last_checkpoint').read_text()),
    )
    runner = SimpleNamespace(seed=0, work_dir=tmp_path, hooks=[], _train_loop={})
    DistillationHook().before_run(runner)
    assert seen == [str(tmp_path / 'epoch_2.pth')]


def test_an_empty_folder_stays_empty(tmp_path):
    mend_last_checkpoint(str(tmp_path))
    assert not [*Path(tmp_path).iterdir()]


def test_only_hooks_that_save_to_local_files():
    local, remote = CheckpointHook(), CheckpointHook(out_dir='s3://bucket')
    chosen = CheckpointHook(backend_args={'backend': 'local'})
    for hook in (local, remote, chosen):
        save_crash_safely(hook)
    assert local.backend_args == {'backend': 'crash_safe'}
    assert remote.backend_args is None
    assert chosen.backend_args == {'backend': 'local'}
