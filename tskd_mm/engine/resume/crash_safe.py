"""Checkpoints that stay whole when a run is killed at any moment.

mmengine writes in place and deletes what is to be replaced before that: killed at the
wrong moment, a run with ``max_keep_ckpts=1`` or ``save_best`` has nothing left.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from mmengine.dist import master_only
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log

BACKEND = 'crash_safe'


class CrashSafeBackend(LocalBackend):
    """Local files: written whole or not at all, deleted after the next is written."""

    _outdated: ClassVar[list[str]] = []  # mmengine makes several of these

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Write ``obj`` next to the file, then put it in its place."""
        partial = Path(f'{filepath}.partial')
        partial.parent.mkdir(parents=True, exist_ok=True)
        with partial.open('wb') as file:
            file.write(obj)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(filepath)
        while self._outdated:
            outdated = Path(self._outdated.pop())
            if outdated.absolute() != Path(filepath).absolute():  # else it is replaced
                outdated.unlink(missing_ok=True)

    def remove(self, filepath: str | Path) -> None:
        """Delete a file after the next has been written."""
        self._outdated.append(str(filepath))


register_backend(BACKEND, CrashSafeBackend, force=True)


def save_crash_safely(hook: CheckpointHook) -> None:
    """Let a hook that saves to local files use :class:`CrashSafeBackend`."""
    remote = '://' in str(hook.out_dir or '')
    if not remote and hook.backend_args is None and hook.file_client_args is None:
        hook.backend_args = {'backend': BACKEND}


@master_only
def mend_last_checkpoint(work_dir: str, out_dirs: Sequence[str] = ()) -> None:
    """Where ``last_checkpoint`` names no file, let it name the newest one.

    A crash can come between a checkpoint and the entry in ``last_checkpoint``, which
    ``--resume`` goes by.

    Args:
        work_dir: Where the entry is, and checkpoints unless a hook saves elsewhere.
        out_dirs: Of the hooks that save elsewhere, in a folder named as ``work_dir``.
    """
    pointer = Path(work_dir, 'last_checkpoint')
    named = pointer.read_text().strip() if pointer.is_file() else ''
    if named and Path(named).exists():
        return
    steps = {
        int(match[1]): file
        for folder in [
            Path(work_dir),
            *(Path(d, Path(work_dir).name) for d in out_dirs),
        ]
        for file in folder.glob('*.pth')
        if (match := re.fullmatch(r'(?:epoch|iter)_(\d+)\.pth', file.name))
    }
    if steps:
        newest = steps[max(steps)]
        CrashSafeBackend().put(str(newest).encode(), pointer)
        print_log(
            f'last_checkpoint named a missing file: it now names {newest}', 'current'
        )
