"""Where a check runs, and what it writes down."""

import gc
import json
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[3]
SHOWN = 900  # characters of a record on the screen


@dataclass
class Check:
    """One call of the kit.

    Attributes:
        device: ``'cuda'``, or ``'cpu'`` to try the kit itself.
        tiny: Small images and few of them.
        data: Folder that ``pack.sh`` made.
        work: Folder for trainings; they are deleted when they have been looked at.
        out: Folder of the results.
        section: Name of the running section.
    """

    device: str
    tiny: bool
    data: Path
    work: Path
    out: Path
    section: str = ''

    @property
    def on_gpu(self) -> bool:
        """Whether this is more than a trial of the kit."""
        return self.device == 'cuda'

    def record(self, name: str, **fields: Any) -> None:
        """Add a line to ``check.jsonl`` and show it."""
        row = {'section': self.section, 'name': name, **fields}
        with (self.out / 'check.jsonl').open('a') as file:
            file.write(json.dumps(row, default=str) + '\n')
        shown = {k: v for k, v in fields.items() if k != 'where'}
        text = json.dumps(shown, default=str)[:SHOWN]
        print(f'[{self.section}] {name}: {text}', flush=True)

    @contextmanager
    def guard(self, name: str) -> Iterator[None]:
        """Record how long it took, or the error that it ended with; others go on."""
        begin = time.perf_counter()
        try:
            yield
            self.record(f'{name} done', seconds=round(time.perf_counter() - begin, 1))
        except Exception as error:
            self.record(
                f'{name} FAILED',
                error=f'{type(error).__name__}: {error}'[:1500],
                where=traceback.format_exc()[-3000:],
            )
            traceback.print_exc()
        finally:
            self.free()

    def free(self) -> None:
        """Give memory back that nothing refers to."""
        gc.collect()
        if self.on_gpu:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()


def difference(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> dict[str, Any]:
    """Whether equal to the last bit, and the largest difference."""
    if a.keys() != b.keys():
        return {'equal': False, 'keys': sorted(a.keys() ^ b.keys())[:10]}
    pairs = {name: (a[name].cpu(), b[name].cpu()) for name in a}
    other = [pair for pair in pairs.values() if not torch.equal(*pair)]
    largest = max(
        (float((x.double() - y.double()).abs().max()) for x, y in other), default=0
    )
    return {'equal': not other, 'differing': len(other), 'largest': largest}


def tensors_in(tree: Any, prefix: str = '') -> dict[str, Tensor]:
    """All tensors of a tree of dictionaries and lists, by their paths."""
    if isinstance(tree, Tensor):
        return {prefix: tree}
    if isinstance(tree, dict):
        items = [*tree.items()]
    elif isinstance(tree, (list, tuple)):
        items = [*enumerate(tree)]
    else:
        return {}
    return {
        k: v for n, part in items for k, v in tensors_in(part, f'{prefix}/{n}').items()
    }
