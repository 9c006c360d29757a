"""Draws mechanism.svg, the picture of a review: python docs/figures/mechanism.py"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use('Agg')
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

OUT = Path(__file__).with_suffix('.svg')
INK, SOFT = '#222222', '#777777'
STUDENT, TEACHER, REVIEW = '#0072B2', '#E69F00', '#009E73'
SIDE = 1.0  # of a map, in the unit of the drawing
# Made-up maps: the focus moves to the right as the student learns.
FOCUS = {'M1': 0.15, 'M2': 0.3, 'M3': 0.42, 'now': 0.52, 'teacher': 0.75}
COLUMNS = {'M1': 0.6, 'M2': 2.4, 'M3': 4.2, 'now': 6.0, 'teacher': 8.9}


def blob(center: float) -> np.ndarray:
    """A smooth spot on a 24 x 24 map, as an attention map looks."""
    y, x = np.mgrid[0:1:24j, 0:1:24j]
    return np.exp(-((x - center) ** 2 + (y - 0.5) ** 2) / 0.03)


def draw_map(
    axes: Axes, x: float, y: float, values: np.ndarray, colors: str, edge: str
) -> None:
    """A map with its lower left corner at (x, y)."""
    extent = (x, x + SIDE, y, y + SIDE)
    axes.imshow(values, cmap=colors, vmin=0, vmax=1, extent=extent, zorder=2)
    frame = plt.Rectangle((x, y), SIDE, SIDE, fill=False, ec=edge, lw=2, zorder=3)
    axes.add_patch(frame)


def write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """A text whose middle is at (x, y)."""
    usual: dict[str, Any] = {'ha': 'center', 'va': 'center', 'color': INK}
    axes.text(x, y, text, **({'fontsize': 10} | usual | style))


def box(axes: Axes, x: float, y: float, width: float, text: str, color: str) -> None:
    """A rounded box of height 0.6 around (x, y)."""
    patch = FancyBboxPatch(
        (x - width / 2, y - 0.3),
        width,
        0.6,
        boxstyle='round,pad=0.02,rounding_size=0.12',
        fc=color + '22',
        ec=color,
        lw=1.5,
    )
    axes.add_patch(patch)
    write(axes, x, y, text)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str = SOFT
) -> None:
    patch = FancyArrowPatch(
        start, end, arrowstyle='-|>', mutation_scale=11, color=color, lw=1.3, zorder=1
    )
    axes.add_patch(patch)


def draw_cycle(axes: Axes, y: float) -> None:
    """The schedule: eight nodes of the cycle in a row."""
    write(axes, -0.1, y, 'schedule', ha='right', fontweight='bold')
    names = ('memorize\nM1', 'memorize\nM2', 'memorize\nM3', 'review') * 2
    for i, name in enumerate(names):
        color = REVIEW if name == 'review' else STUDENT
        box(axes, 0.7 + 1.32 * i, y, 1.16, name, color)


def draw_maps(axes: Axes, y: float) -> dict[str, float]:
    """The five attention maps; returns the middle of each."""
    write(axes, -0.1, y + SIDE / 2, 'attention\nmaps', ha='right', fontweight='bold')
    labels = {'now': 'student now', 'teacher': 'teacher'}
    for name, x in COLUMNS.items():
        edge = TEACHER if name == 'teacher' else STUDENT
        draw_map(axes, x, y, blob(FOCUS[name]), 'viridis', edge)
        label = labels.get(name, f'past student {name}')
        write(axes, x + SIDE / 2, y + SIDE + 0.2, label, fontsize=9)
    return {name: x + SIDE / 2 for name, x in COLUMNS.items()}


def draw_changes(axes: Axes, y: float, middles: dict[str, float]) -> list[float]:
    """The three increments and the gap below them; returns the middle of each."""
    write(axes, -0.1, y + SIDE / 2, 'change', ha='right', fontweight='bold')
    names = list(COLUMNS)
    found = []
    for before, after in pairwise(names):
        middle = (middles[before] + middles[after]) / 2
        gap = after == 'teacher'
        difference = np.abs(blob(FOCUS[before]) - blob(FOCUS[after]))
        color = TEACHER if gap else STUDENT
        draw_map(axes, middle - SIDE / 2, y, difference, 'magma', color)
        for name in (before, after):
            arrow(axes, (middles[name], y + 2.05), (middle, y + SIDE + 0.06))
        text = f'$|A_{{{before}}} - A_{{{after}}}|$'.replace('M', 'M_')
        write(axes, middle, y - 0.22, 'gap ' + text if gap else text, fontsize=9)
        found.append(middle)
    return found


def draw() -> None:
    """Write the picture."""
    plt.rcParams.update({'svg.hashsalt': 'tskd', 'mathtext.default': 'regular'})
    figure, axes = plt.subplots(figsize=(11, 6), layout='constrained')
    draw_cycle(axes, 6.6)
    write(axes, 5.3, 6.0, 'in a review, for every image and level:', color=SOFT)
    middles = draw_maps(axes, 4.3)
    *increments, gap = draw_changes(axes, 2.2, middles)
    for middle in increments:
        arrow(axes, (middle, 1.82), (increments[1], 1.2), STUDENT)
    box(axes, increments[1], 0.86, 2.6, 'Conv-LSTM predictor', REVIEW)
    box(axes, gap, 0.86, 2.2, 'review loss: MSE', REVIEW)
    arrow(axes, (increments[1] + 1.35, 0.86), (gap - 1.15, 0.86), REVIEW)
    write(axes, (increments[1] + gap) / 2 + 0.1, 1.22, 'predicted change', fontsize=9)
    arrow(axes, (gap, 1.82), (gap, 1.2), TEACHER)
    write(
        axes,
        5.3,
        0.2,
        'The loss trains the predictor and the student of now; '
        'past students and teacher carry no gradient.',
        color=SOFT,
        fontsize=9,
    )
    axes.set(xlim=(-1.2, 11.3), ylim=(0, 7.05), aspect='equal')
    axes.axis('off')
    figure.savefig(OUT, metadata={'Date': None})
    plt.close(figure)


if __name__ == '__main__':
    draw()
