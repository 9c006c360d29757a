"""Shows what TSKD compares in one image, as one row of attention maps.

Teacher, past students oldest first, the student now, the change that its history
predicts, and the gap to the teacher that is really left.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor

from tskd_mm.models import TSKDDistiller, attention_map, increment, increment_sequence
from tskd_mm.models.valid_pixels import valid_pixels
from tskd_mm.models.weights import load_weights, read_checkpoint

matplotlib.use('Agg')
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec


@dataclass
class Maps:
    """Attention maps of one image at one level, each (H, W).

    Attributes:
        teacher: Of the teacher.
        past: Of the memories, oldest first.
        now: Of the student.
        prediction: The next increment as predicted from past and now.
        gap: The increment from the student to the teacher.
    """

    teacher: Tensor
    past: list[Tensor]
    now: Tensor
    prediction: Tensor
    gap: Tensor


def load_distiller(config: Config, checkpoint: Path) -> TSKDDistiller:
    """The distiller as it was when the checkpoint was saved, in eval mode.

    Raises:
        TypeError: If the config's model is no TSKDDistiller.
        ValueError: If the checkpoint has no memories.
        RuntimeError: If it is of another student.
    """
    init_default_scope(config.get('default_scope', 'mmdet'))
    model = MODELS.build(config.model)
    if not isinstance(model, TSKDDistiller):
        raise TypeError(
            f'the model of the config must be a TSKDDistiller, but it is '
            f'{type(model).__name__}: give the config that the student was distilled '
            'with'
        )
    weights = load_weights(str(checkpoint))
    state = read_checkpoint(str(checkpoint)).get('tskd') or {}
    if not state.get('memories'):
        raise ValueError(
            f"{checkpoint} holds no memories (entry 'tskd'): give a checkpoint that a "
            'training with TSKDMemoryHook saved'
        )
    # init_weights brings in the teacher, and would list every weight of the student.
    MMLogger.get_instance('plot_attention', log_level='WARNING')
    model.init_weights()
    model.student.load_state_dict(weights)
    model.load_tskd_state(state)
    return model.eval()


@torch.no_grad()
def attention_maps(
    model: TSKDDistiller, config: Config, image: Path, level: int
) -> Maps:
    """Look at one image as the test pipeline prepares it.

    Args:
        model: As from :func:`load_distiller`.
        config: Its ``test_dataloader`` has the pipeline.
        image: File.
        level: Which of the tapped features, from 0 (the finest).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If there is no such level, or no teacher yet.
    """
    if not image.is_file():
        raise FileNotFoundError(f'there is no image {image}')
    if model.teacher is None:
        raise ValueError('the model has no teacher yet: call its init_weights() first')
    if model.review is None or model.bank is None:
        raise ValueError('the model has review=None: there are no memories to plot')
    count = len(model.review.predictors)
    if not 0 <= level < count:
        raise ValueError(f'level must be between 0 and {count - 1}, but got {level}')
    pipeline = Compose(config.test_dataloader.dataset.pipeline)
    batch = pseudo_collate([pipeline({'img_path': str(image), 'img_id': 0})])
    batch = model.data_preprocessor(batch, False)
    inputs, samples = batch['inputs'], batch['data_samples']
    student = model.tap.run(lambda: model.student(inputs, mode='tensor')).levels[level]
    height, width = student.shape[-2:]
    teacher = model.teacher(inputs, samples).levels[level]
    teacher = F.adaptive_avg_pool2d(teacher, (height, width))
    valid = valid_pixels(samples, (height, width), student)

    normalize = model.review.normalize

    def to_map(feature: Tensor) -> Tensor:
        return attention_map(feature, normalize, valid)

    past = [to_map(levels[level]) for levels in model.bank.levels(inputs)]
    now, target = to_map(student), to_map(teacher)
    prediction = model.review.predictors[level](increment_sequence(past, now))
    gap = increment(now, target)
    return Maps(
        target[0, 0], [m[0, 0] for m in past], now[0, 0], prediction[0, 0], gap[0, 0]
    )


def draw_maps(maps: Maps, image: Path, out: Path) -> None:
    """Write the row of pictures.

    Attention maps share one colour scale; predicted change and gap share another.
    """
    attention = {
        'teacher': maps.teacher,
        **{f'memory {i}': m for i, m in enumerate(maps.past, 1)},
        'student now': maps.now,
    }
    changes = {'predicted change': maps.prediction, 'gap to teacher': maps.gap}
    count = 1 + len(attention) + len(changes)
    figure = plt.figure(figsize=(1.9 * count, 2.8), layout='constrained')
    grid = figure.add_gridspec(2, count, height_ratios=(1, 0.06))
    picture = _panel(figure, grid[0, 0], 'image')
    picture.imshow(cv2.imread(str(image))[..., ::-1])
    _draw_group(figure, grid, 1, attention, 'viridis', 'attention')
    _draw_group(figure, grid, 1 + len(attention), changes, 'magma', 'change')
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)
    plt.close(figure)


def _draw_group(
    figure: Figure,
    grid: GridSpec,
    start: int,
    maps: dict[str, Tensor],
    colors: str,
    label: str,
) -> None:
    """Maps side by side from column ``start``, with one colour scale below."""
    top = max(float(np.quantile(m.numpy(), 0.995)) for m in maps.values())
    for column, (name, values) in enumerate(maps.items(), start):
        panel = _panel(figure, grid[0, column], name)
        # A change is never negative, a prediction may be: cut off at zero.
        drawn = panel.imshow(values.clamp(min=0), cmap=colors, vmin=0, vmax=top)
    scale = figure.add_subplot(grid[1, start : start + len(maps)])
    figure.colorbar(drawn, cax=scale, orientation='horizontal', label=label)


def _panel(figure: Figure, place: SubplotSpec, title: str) -> Axes:
    panel = figure.add_subplot(place)
    panel.set(title=title, xticks=[], yticks=[])
    return panel


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config with a TSKDDistiller')
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('image', type=Path)
    parser.add_argument('--out', type=Path, required=True, help='PNG to write')
    parser.add_argument('--level', type=int, default=0, help='from 0, the finest')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        config = Config.fromfile(args.config)
        model = load_distiller(config, args.checkpoint)
        maps = attention_maps(model, config, args.image, args.level)
    except (FileNotFoundError, RuntimeError, TypeError, ValueError) as error:
        sys.exit(str(error))
    draw_maps(maps, args.image, args.out)
    print(f'{args.out}: written')


if __name__ == '__main__':
    main()
