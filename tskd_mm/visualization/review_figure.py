"""Draws what a review compares in one image: a row of maps for each review."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from numpy.typing import NDArray
from torch import Tensor

from ..models.distillers.tskd_distiller import TSKDDistiller
from ..models.features.attention_map import attention_map
from ..models.features.level_match import fit_size
from ..models.features.padding import valid_levels

ROWS = 6  # in one figure
CELL = 1.45  # inches
TOP = 0.995  # quantile of the values that has the brightest colour


@dataclass
class ReviewedImage:
    """One image at one level; maps are (H, W), without the padding of the batch.

    Attributes:
        image: RGB picture as the student gets it, (H', W', 3).
        attention: Attention maps of teacher, memories (oldest first) and student, by
            their names for people.
        changes: Predicted change and gap to the teacher, by their names for people.
    """

    image: NDArray[np.uint8]
    attention: dict[str, Tensor]
    changes: dict[str, Tensor]


@torch.no_grad()
def review_image(model: TSKDDistiller, batch: Any, level: int) -> ReviewedImage:
    """Review the first image of a batch.

    Args:
        model: In eval mode, with teacher and memories.
        batch: As from a data loader: ``inputs`` and ``data_samples``.
        level: Which of the tapped features, from 0 (the finest).

    Raises:
        ValueError: If there is no such level, or no review with ``compare``.
        RuntimeError: If there is no teacher or no memory.
    """
    review: Any = model.review
    if review is None or model.bank is None:
        raise ValueError('the model has review=None: there are no memories to show')
    if not hasattr(review, 'compare'):
        raise ValueError(
            f'{type(review).__name__} has no method compare, whose results would be '
            'shown: see that of TemporalReview'
        )
    count = len(model.strides)
    if not 0 <= level < count:
        raise ValueError(f'level must be between 0 and {count - 1}, but got {level}')
    image = _picture(batch)
    data = model.data_preprocessor(batch, False)
    inputs, samples = data['inputs'], data['data_samples']
    student = model.tap.run(lambda: model.student(inputs, mode='tensor')).levels
    teacher = model.require_teacher()(inputs, samples).levels
    teacher = [*map(fit_size, teacher, student)]
    past = model.bank.levels(inputs)
    valid = valid_levels(samples, student)
    compared = review.compare(past, student, teacher, valid)[level]
    features = {
        'teacher': teacher[level],
        **{f'memory {i}': levels[level] for i, levels in enumerate(past, 1)},
        'student now': student[level],
    }
    attention = getattr(review, 'attention', attention_map)
    maps = {name: attention(f, valid=valid[level]) for name, f in features.items()}
    # A change is never negative, a prediction may be: cut off at zero.
    changes = {
        'predicted change': compared.prediction.clamp(min=0),
        'gap to teacher': compared.gap,
    }
    return ReviewedImage(image, _cut(maps, valid[level]), _cut(changes, valid[level]))


def draw_reviews(reviews: Mapping[str, ReviewedImage]) -> Figure:
    """A row for each review; of many, 6 at even distances with the last among them.

    Attention maps share one colour scale; predicted change and gap share another.

    Args:
        reviews: By the name of their row, all with as many memories.
    """
    chosen = {
        round(i) for i in np.linspace(0, len(reviews) - 1, min(ROWS, len(reviews)))
    }
    rows = {name: r for i, (name, r) in enumerate(reviews.items()) if i in chosen}
    [first, *_] = rows.values()
    width, height = 1 + len(first.attention) + len(first.changes), len(rows)
    aspect = min(max(first.image.shape[0] / first.image.shape[1], 0.5), 2)
    figure = Figure(
        figsize=(CELL * width, CELL * aspect * height + 0.8), layout='constrained'
    )
    grid = figure.add_gridspec(
        height + 1, width, height_ratios=[*[1] * height, 0.07 / aspect]
    )
    for index, (name, row) in enumerate(rows.items()):
        picture = _panel(figure, grid[index, 0], '' if index else 'image')
        picture.imshow(row.image)
        picture.set_ylabel(name, fontsize=9)
    attention = [row.attention for row in rows.values()]
    _draw_group(figure, grid, 1, attention, 'viridis', 'attention')
    changes = [row.changes for row in rows.values()]
    _draw_group(figure, grid, 1 + len(first.attention), changes, 'magma', 'change')
    return figure


def _draw_group(
    figure: Figure,
    grid: GridSpec,
    start: int,
    rows: list[dict[str, Tensor]],
    colors: str,
    label: str,
) -> None:
    """Maps side by side from column ``start``, with one colour scale below."""
    top = max(float(np.quantile(m.numpy(), TOP)) for row in rows for m in row.values())
    for index, row in enumerate(rows):
        for column, (name, values) in enumerate(row.items(), start):
            panel = _panel(figure, grid[index, column], '' if index else name)
            drawn = panel.imshow(values, cmap=colors, vmin=0, vmax=top or 1)
    scale = figure.add_subplot(grid[-1, start : start + len(rows[0])])
    bar = figure.colorbar(drawn, cax=scale, orientation='horizontal')
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _panel(figure: Figure, place: SubplotSpec, title: str) -> Axes:
    panel = figure.add_subplot(place)
    panel.set(xticks=[], yticks=[])
    panel.set_title(title, fontsize=9)
    return panel


def _picture(batch: Any) -> NDArray[np.uint8]:
    pixels = np.array(batch['inputs'][0].permute(1, 2, 0).cpu())
    # Files are read as BGR; data sets that hold their images themselves hold RGB.
    from_file = batch['data_samples'][0].get('img_path') is not None
    return pixels[..., ::-1].copy() if from_file else pixels


def _cut(maps: Mapping[str, Tensor], valid: Tensor | None) -> dict[str, Tensor]:
    """The first image of each, (N, 1, H, W), without its padding."""
    rows = columns = None
    if valid is not None:
        rows, columns = int(valid[0, 0, :, 0].sum()), int(valid[0, 0, 0].sum())
    return {name: m[0, 0, :rows, :columns].cpu() for name, m in maps.items()}
