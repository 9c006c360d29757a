"""Where the weights of student and teacher came from."""

from collections import Counter
from collections.abc import Iterable, Iterator

from mmengine.runner import CheckpointLoader, Runner, find_latest_checkpoint
from torch import Tensor, nn

from ...models.distillers.tskd_distiller import TSKDDistiller
from ...models.loading.checkpoint import unwrap
from ...models.loading.explain_download import initial_files

FOR_LOAD_FROM = 'give load_from a checkpoint of this student under its own names'
FOR_INIT_CFG = (
    'take the model of the library that the file was made with, such as '
    "type='mmpretrain.MobileNetV2', or correct the prefix in init_cfg"
)


def student_origins(runner: Runner, student: nn.Module) -> Iterator[tuple[str, str]]:
    """Compare a student with the files that its weights came from.

    mmengine loads what has the right name, and only logs the names that it misses; some
    models rename or reorder what they load. So values are compared here, not names.
    Every process must call it: for a URL mmengine lets them wait for one another.

    Args:
        runner: Before its first step; tells ``load_from`` and what is resumed.
        student: Its student, initialised.

    Yields:
        For each file, how many tensors came from it, and a warning if those are fewer
        than half, else an empty text.
    """
    whole = runner._load_from
    if runner._resume and not whole:
        whole = find_latest_checkpoint(runner.work_dir)
    if whole:
        yield _compare('the student', student, str(whole), FOR_LOAD_FROM)
        return
    for name, file in initial_files(student):
        part = student.get_submodule(name)
        yield _compare(name or 'the student', part, file, FOR_INIT_CFG)


def teacher_origin(model: TSKDDistiller) -> str:
    """The file or URL of the teacher's weights, in words where there is none."""
    known = model.require_teacher().checkpoint
    return known or "none given, so what the teacher's config initialises"


def _compare(name: str, part: nn.Module, file: str, advice: str) -> tuple[str, str]:
    content = CheckpointLoader.load_checkpoint(file, 'cpu', logger='silent')
    saved = unwrap(content)
    # Where it resumes, EMAHook takes the student's own from there.
    values = [*saved.values(), *content.get('ema_state_dict', {}).values()]
    known = {_mark(value) for value in values if _varies(value)}
    tensors = {k: _mark(v) for k, v in part.state_dict().items() if _varies(v)}
    found = sum(mark in known for mark in tensors.values())
    line = f'{name}: {found} of {len(tensors)} tensors from {file}'
    if 2 * found >= len(tensors):
        return line, ''
    return line, (
        f'the student starts mostly from random weights ({line}): the file has other '
        f'names than {type(part).__name__}{_prefix(saved, tensors)}; {advice}'
    )


def _varies(value: object) -> bool:
    """Whether it can be told apart: not ones or zeros alone, as in a new batch norm."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return False
    return bool((value != value.flatten()[:1]).any())


def _mark(value: Tensor) -> tuple[int, float]:
    """The same for the same numbers in another order or shape."""
    return value.numel(), round(float(value.detach().cpu().double().sum()), 6)


def _prefix(saved: Iterable[str], names: Iterable[str]) -> str:
    """What most names in a file have in front of the model's, in words."""
    fronts = Counter(
        s.removesuffix(n) for s in saved for n in names if s.endswith(f'.{n}')
    )
    [(front, count)] = fronts.most_common(1) or [('', 0)]
    return f' (they start with {front!r})' if 2 * count >= len([*names]) else ''
