"""From a figure to pixels."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray


def figure_image(figure: Figure) -> NDArray[np.uint8]:
    """The figure as an RGB picture (H, W, 3), as visualizers take it."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()
