"""Times one training step with each static loss, relative to the student's alone.

python tools/loss_cost.py PAIR [--repeats N]

PAIR is one for which configs/baselines/ has recipes, such as
``retinanet_r101_to_r50_coco``. All models are at random weights and take turns on one
random batch; the figures are medians.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from torch import nn

import tskd_mm  # noqa: F401  (registers the components)
from tskd_mm.models.model_source import find_model

BASELINES = Path(__file__).resolve().parents[1] / 'configs' / 'baselines'


def batch(scope: str) -> dict:
    """Random images: 128 of 32x32 to classify, or 2 of 320x320 with boxes."""
    if scope == 'mmpretrain':
        from mmpretrain.structures import DataSample

        samples = [DataSample().set_gt_label(i % 100) for i in range(128)]
        images = torch.randint(0, 255, (128, 3, 32, 32)).float()
        return {'inputs': images, 'data_samples': samples}
    from mmdet.testing import demo_mm_inputs

    return demo_mm_inputs(2, [(3, 320, 320)] * 2, num_classes=10)


def build(path: Path) -> nn.Module:
    """The distiller of a config, student and teacher at random weights."""
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    preprocessor = config.get('data_preprocessor')
    teacher = find_model(config.model.teacher, 'teacher', preprocessor).config
    for part in (config.model.student, teacher):
        part['backbone']['init_cfg'] = None
    config.model.update(teacher=teacher, teacher_checkpoint=None)
    defaults = {'data_preprocessor': preprocessor} if preprocessor else {}
    model = MODELS.build(config.model, default_args=defaults)
    model.init_weights()
    model.phase = 'general'  # there is no hook here
    return model.train()


def step_of(model: nn.Module, data: dict) -> Callable[[], object]:
    """One training step of a model."""
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-6))
    return lambda: model.train_step(data, optimizer)


def seconds(step: Callable[[], object]) -> float:
    start = perf_counter()
    step()
    return perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('pair', help='end of the names of its recipes')
    parser.add_argument('--repeats', type=int, default=9)
    arguments = parser.parse_args()
    leaves = sorted(BASELINES.glob(f'*_{arguments.pair}.py'))
    torch.manual_seed(0)
    outline = build(BASELINES / '_base_' / f'{arguments.pair}.py')
    data = batch(Config.fromfile(leaves[0]).default_scope)
    steps = {
        'student': step_of(outline.student, data),
        'with teacher': step_of(outline, data),
        **{p.stem.partition('_')[0]: step_of(build(p), data) for p in leaves},
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(arguments.repeats + 1):
        for name, step in steps.items():
            spent = seconds(step)
            if turn:  # the first warms up
                times[name].append(spent)
    medians = {name: median(values) for name, values in times.items()}
    student, teacher = medians.pop('student'), medians['with teacher']
    print(f'student alone: {student:.3f} s a step')
    for name, value in medians.items():
        extra = (
            ''
            if name == 'with teacher'
            else f', loss {(value - teacher) / student:+.2f}'
        )
        print(f'{name}: {value / student:.2f} of the student{extra}')


if __name__ == '__main__':
    main()
