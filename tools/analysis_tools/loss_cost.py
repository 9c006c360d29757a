"""Times each static loss, relative to a training step of the student alone.

python tools/analysis_tools/loss_cost.py PAIR [--repeats N]

PAIR is one for which configs/baselines/ or configs/head/ has recipes, such as
``retinanet_r101_to_r50_coco`` or ``gfl_r101_to_r50_coco``. All models are at random
weights and take turns on one random batch: the student's whole step, the teacher's
features as far as a recipe needs them, and the losses alone, forward and backward; for
losses on heads with the teacher's head. The figures are medians.
"""

import argparse
from functools import partial
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper

from tskd_mm.apis.batch_features import batch_features, run_static_losses
from tskd_mm.apis.interleaved_timing import Step, medians, take_turns
from tskd_mm.apis.positive import positive
from tskd_mm.apis.random_batch import random_batch
from tskd_mm.apis.untrained_distiller import untrained_distiller

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
FOLDERS = [CONFIGS / 'baselines', CONFIGS / 'head']


def steps_of(recipe: Path) -> dict[str, Step]:
    """The student's step, the teacher's features and the losses of one recipe."""
    config = Config.fromfile(recipe)
    model, data = untrained_distiller(config), random_batch(config)
    student, teacher = model.student, model.teacher
    seen = batch_features(model, data)
    assert teacher is not None
    optimizer = OptimWrapper(torch.optim.SGD(student.parameters(), lr=1e-6))
    return {
        'student': partial(student.train_step, data, optimizer),
        'teacher': partial(teacher, seen.inputs, seen.samples),
        'loss': partial(run_static_losses, model, seen),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('pair', help='end of the names of its recipes')
    parser.add_argument('--repeats', type=positive(int), default=9)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    steps: dict[str, Step] = {}
    found = [folder.glob(f'*_{arguments.pair}.py') for folder in FOLDERS]
    for recipe in sorted(path for paths in found for path in paths):
        parts = steps_of(recipe)
        name = recipe.stem.partition('_')[0]
        steps.setdefault('student', parts['student'])
        steps |= {f'{name}: {part}': parts[part] for part in ('teacher', 'loss')}
    seconds = medians(take_turns(steps, arguments.repeats))
    student = seconds.pop('student')
    print(f'student alone: {student:.3f} s a step')
    for part, value in seconds.items():
        print(f'{part} {value / student:.3f} of the student')


if __name__ == '__main__':
    main()
