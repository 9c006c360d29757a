r"""Print a TSKD config for a student and a teacher.

Example:
    python tools/make_config.py mmdet::atss/atss_r50_fpn_1x_coco.py \
        mmdet::atss/atss_r101_fpn_1x_coco.py > atss_tskd.py

Both models are built and shown a blank image, so levels and strides are those that
training will find. They are two detectors or two classifiers, given by the path of a
config, as 'mmdet::...' or as 'mmpretrain::...'. A detector's levels are those of the
neck; where there is none, of the pixel decoder or of the backbone. A classifier's are
the ends of the backbone's stages: the last module of each stride.
"""

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path

import tskd_mm  # isort: skip  # noqa: F401 - says which package is missing

from mmengine.config import Config
from mmengine.hub import get_config

from tskd_mm.apis.errors_as_messages import errors_as_messages
from tskd_mm.apis.find_levels import NUM_STAGES, find_levels
from tskd_mm.models.loading.model_config import ModelSource, find_model

FORMS = ": path, 'mmdet::...' or 'mmpretrain::...'"
TEMPLATE = """\
# Strides of the levels: student {student_strides}, teacher {teacher_strides}.
# Channels: student {student_channels}, teacher {teacher_channels}.
_base_ = {student!r}

custom_imports = dict(imports={imports}, allow_failed_imports=False)
model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher={teacher!r},
    teacher_checkpoint={checkpoint},
{taps}{strides})
custom_hooks = [
    *_base_.get('custom_hooks', []),
    {hook},
]
"""


def make_config(student: str, teacher: str) -> str:
    """Text of a config that trains ``student`` with ``teacher``.

    Args:
        student: Path of a config, ``'mmdet::...'`` or ``'mmpretrain::...'``.
        teacher: The same.

    Raises:
        ValueError: If a model has no levels, or the two share none.
    """
    config = get_config(student) if '::' in student else Config.fromfile(student)
    sources = {
        role: find_model(name, role)
        for role, name in (('student', student), ('teacher', teacher))
    }
    found = {role: find_levels(source) for role, source in sources.items()}
    ours, theirs = found['student'], found['teacher']
    shared = [stride for stride in ours.strides if stride in theirs.strides]
    if not shared:
        raise ValueError(
            f'{student} has levels of strides {ours.strides} and {teacher} '
            f'{theirs.strides}: they share none'
        )
    if len(ours.taps) > 1:
        shared = shared[-NUM_STAGES:]
    one_tap = len(ours.taps) == 1 and shared != ours.strides
    return TEMPLATE.format(
        student=_from_anywhere(student),
        teacher=_from_anywhere(teacher),
        checkpoint=_checkpoint(sources['teacher']),
        taps=_taps(ours.taps_of(shared), theirs.taps_of(shared)),
        strides=f'    strides={shared},\n' if one_tap else '',
        imports=_imports(config),
        hook=_hook(config),
        student_strides=ours.strides,
        teacher_strides=theirs.strides,
        student_channels=ours.channels,
        teacher_channels=theirs.channels,
    )


def _from_anywhere(config: str) -> str:
    return config if '::' in config else str(Path(config).resolve())


def _taps(student: list[str], teacher: list[str]) -> str:
    lines = _argument('student_taps', student) if student != ['neck'] else ''
    return lines + (_argument('teacher_taps', teacher) if teacher != student else '')


def _argument(name: str, taps: list[str]) -> str:
    if len(taps) == 1:
        return f'    {name}={taps},\n'
    rows = ''.join(f'        {tap!r},\n' for tap in taps)
    return f'    {name}=[\n{rows}    ],\n'


def _checkpoint(teacher: ModelSource) -> str:
    try:
        teacher.weights_in_index()
    except ValueError:
        return "'PATH OF THE WEIGHTS'"
    return "'auto'"


def _imports(config: Config) -> list[str]:
    """What the student's config imports, and this package."""
    own = config.get('custom_imports', {}).get('imports', [])
    return [*([own] if isinstance(own, str) else own), 'tskd_mm']


def _hook(config: Config) -> str:
    """The cycle in the proportions of the recipes: three reviews at least."""
    if 'max_iters' in config.train_cfg:
        interval = max(1, config.train_cfg.max_iters // 12)
        return f"dict(type='TSKDMemoryHook', by_epoch=False, interval={interval})"
    interval = min(5, max(1, config.train_cfg.max_epochs // 12))
    return f"dict(type='TSKDMemoryHook', interval={interval})"


@errors_as_messages()
def main() -> None:
    parser = argparse.ArgumentParser(
        description='Print a TSKD config for two detectors or two classifiers.'
    )
    parser.add_argument('student', help='config to train' + FORMS)
    parser.add_argument('teacher', help='config to learn from' + FORMS)
    args = parser.parse_args()
    with redirect_stdout(sys.stderr):  # what the models log is no part of the config
        text = make_config(args.student, args.teacher)
    print(text, end='')


if __name__ == '__main__':
    main()
