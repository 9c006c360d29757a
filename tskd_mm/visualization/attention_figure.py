"""Draws attention maps, one row for each time they were taken."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from torch import Tensor

from .attention_maps import AttentionMaps

CELL = 1.45  # inches
TOP = 0.995  # quantile of the values that has the brightest colour


def draw_attention(rows: Mapping[str, AttentionMaps]) -> Figure:
    """Rows of maps in time.

    Attention maps share one colour scale; predicted change and gap share another.

    Args:
        rows: Maps by the name of their row, all with as many memories.
    """
    maps = [*rows.values()]
    names, changes = [*maps[0].attention], [*maps[0].changes]
    width, height = 1 + len(names) + len(changes), len(rows)
    image = maps[0].image
    aspect = min(max(image.shape[0] / image.shape[1], 0.5), 2)
    figure = Figure(
        figsize=(CELL * width, CELL * aspect * height + 0.8), layout='constrained'
    )
    grid = figure.add_gridspec(
        height + 1, width, height_ratios=[*[1] * height, 0.07 / aspect]
    )
    for row, (name, one) in enumerate(rows.items()):
        picture = _panel(figure, grid[row, 0], 'image' if row == 0 else '')
        picture.imshow(one.image)
        picture.set_ylabel(name, fontsize=9)
    attention = [one.attention for one in maps]
    _draw_group(figure, grid, 1, attention, 'viridis', 'attention')
    start = 1 + len(names)
    _draw_group(figure, grid, start, [one.changes for one in maps], 'magma', 'change')
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
