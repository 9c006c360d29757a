r"""Print a TSKD config for a student and a teacher.

Example:
    python tools/make_config.py mmdet::atss/atss_r50_fpn_1x_coco.py \
        mmdet::atss/atss_r101_fpn_1x_coco.py > atss_tskd.py

Both models are built and shown a blank image, so levels and strides are those that
training will find. Both are detectors, given by the path of a config or as
'mmdet::...'. The levels are those of the neck; where there is none, of the pixel
decoder or of the backbone.
"""

import argparse
from contextlib import suppress
from pathlib import Path

from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import MODELS

from tskd_mm.models.features.feature_tap import FeatureTap
from tskd_mm.models.loading.model_config import ModelSource, find_model

# Where a detector may have levels, the best first.
PLACES = ('neck', 'panoptic_head.pixel_decoder', 'backbone')
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
custom_hooks = [{hooks}{hook}]
"""


def make_config(student: str, teacher: str) -> str:
    """Text of a config that trains ``student`` with ``teacher``.

    Args:
        student: Path of a config, or ``'mmdet::...'``.
        teacher: The same.

    Raises:
        ValueError: If a model has no levels, or the two share none.
    """
    config = get_config(student) if '::' in student else Config.fromfile(student)
    sources = {
        role: find_model(name, role)
        for role, name in (('student', student), ('teacher', teacher))
    }
    found = {role: _levels(source) for role, source in sources.items()}
    places = [place for place, _ in found.values()]
    levels = {role: level for role, (_, level) in found.items()}
    strides, channels = (
        {role: [level[i] for level in found] for role, found in levels.items()}
        for i in (0, 1)
    )
    shared = [s for s in strides['student'] if s in strides['teacher']]
    if not shared:
        raise ValueError(
            f'{student} has levels of strides {strides["student"]} and {teacher} '
            f'{strides["teacher"]}: they share none'
        )
    chosen = f'    strides={shared},\n' if shared != strides['student'] else ''
    return TEMPLATE.format(
        student=_from_anywhere(student),
        teacher=_from_anywhere(teacher),
        checkpoint=_checkpoint(sources['teacher']),
        taps=_taps(*places),
        strides=chosen,
        imports=_imports(config),
        hooks='*_base_.custom_hooks, ' if config.get('custom_hooks') else '',
        hook=_hook(config),
        student_strides=strides['student'],
        teacher_strides=strides['teacher'],
        student_channels=channels['student'],
        teacher_channels=channels['teacher'],
    )


def _from_anywhere(config: str) -> str:
    return config if '::' in config else str(Path(config).resolve())


def _levels(source: ModelSource) -> tuple[str, list[tuple[int, int]]]:
    """Where the levels are; stride and channels of each."""
    model = MODELS.build(source.config)
    for place in PLACES:
        # Not there, or nothing that a blank image alone shows.
        with suppress(ValueError, TypeError):
            found = FeatureTap(model, [place]).inspect()
            return place, [*zip(found.strides, found.channels)]
    raise ValueError(
        f'{source.name} has no feature maps at {", ".join(PLACES)}: name modules with '
        'student_taps and teacher_taps'
    )


def _taps(student: str, teacher: str) -> str:
    lines = f'    student_taps=[{student!r}],\n' if student != PLACES[0] else ''
    return lines + (f'    teacher_taps=[{teacher!r}],\n' if teacher != student else '')


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


def main() -> None:
    parser = argparse.ArgumentParser(description='Print a TSKD config.')
    parser.add_argument('student', help="config to train: path or 'mmdet::...'")
    parser.add_argument('teacher', help="config to learn from: path or 'mmdet::...'")
    args = parser.parse_args()
    print(make_config(args.student, args.teacher), end='')


if __name__ == '__main__':
    main()
