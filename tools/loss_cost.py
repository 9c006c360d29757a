"""Times one training step with each static loss, relative to the student's alone.

python tools/loss_cost.py PAIR [--repeats N]

PAIR is one for which configs/baselines/ has recipes, such as
``retinanet_r101_to_r50_coco``. All models are at random weights and take turns on one
random batch; the figures are medians.
"""

import argparse
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from random_models import random_batch, random_distiller
from torch import nn
from turns import Step, medians, take_turns

BASELINES = Path(__file__).resolve().parents[1] / 'configs' / 'baselines'


def step_of(model: nn.Module, data: dict) -> Step:
    """One training step of a model."""
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-6))
    return lambda: model.train_step(data, optimizer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('pair', help='end of the names of its recipes')
    parser.add_argument('--repeats', type=int, default=9)
    arguments = parser.parse_args()
    leaves = sorted(BASELINES.glob(f'*_{arguments.pair}.py'))
    torch.manual_seed(0)
    config = Config.fromfile(BASELINES / '_base_' / f'{arguments.pair}.py')
    outline = random_distiller(config)
    data = random_batch(config)
    steps = {
        'student': step_of(outline.student, data),
        'with teacher': step_of(outline, data),
        **{
            leaf.stem.partition('_')[0]: step_of(
                random_distiller(Config.fromfile(leaf)), data
            )
            for leaf in leaves
        },
    }
    seconds = medians(take_turns(steps, arguments.repeats))
    student, teacher = seconds.pop('student'), seconds['with teacher']
    print(f'student alone: {student:.3f} s a step')
    for name, value in seconds.items():
        extra = (
            ''
            if name == 'with teacher'
            else f', loss {(value - teacher) / student:+.2f}'
        )
        print(f'{name}: {value / student:.2f} of the student{extra}')


if __name__ == '__main__':
    main()
