"""Draws pictures of handwritten digits on varied background, with their boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3)
Alpha = NDArray[np.float32]  # opacity of the ink, (h, w), 0 to 1
Box = tuple[int, int, int, int]  # left, top, width, height in pixels

INK = 0.5  # opacity from which a pixel belongs to the digit
SCALES = (0.18, 0.5)  # height of a digit's frame by that of the image
DIGITS = (3, 8)  # fewest and most that are tried in one image
CLUTTER = (3, 9)
MAX_ROTATION = 15.0  # degrees
MAX_OVERLAP = 0.3  # of the smaller box
MIN_CONTRAST = 90  # grey levels between a digit and what lies under it


@dataclass(frozen=True)
class Digit:
    """One digit in an image.

    Attributes:
        source: Its index in ``sklearn.datasets.load_digits``.
        box: Tight around the ink.
    """

    source: int
    box: Box


def draw_scene(
    glyphs: NDArray[np.float64],
    sources: NDArray[np.int64],
    size: int,
    rng: np.random.Generator,
) -> tuple[Image, list[Digit]]:
    """Draw one image.

    Args:
        glyphs: All digits of scikit-learn, (1797, 8, 8), values 0 to 16.
        sources: Indices of the digits that may be drawn.
        size: Height and width of the image in pixels.
        rng: Decides everything that varies.

    Returns:
        The image, (size, size, 3), and its digits; a later one lies on top.
    """
    image = _background(size, rng)
    _add_clutter(image, rng)
    digits: list[Digit] = []
    for _ in range(rng.integers(DIGITS[0], DIGITS[1] + 1)):
        source = int(rng.choice(sources))
        alpha = _render(glyphs[source], size, rng)
        box = _find_place(alpha, [d.box for d in digits], size, rng)
        if box is not None:
            _paint(image, alpha, box, rng)
            digits.append(Digit(source, box))
    noise = rng.normal(0, rng.uniform(2, 10), image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), digits


def _background(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A smooth pattern: from a plain gradient (2 cells) to blotches (6 cells)."""
    cells = int(rng.integers(2, 7))
    pattern = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
    pattern = pattern.mean() + (pattern - pattern.mean()) * rng.uniform(0.2, 0.8)
    return cv2.resize(pattern, (size, size), interpolation=cv2.INTER_LINEAR)


def _add_clutter(image: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Strokes and rings as thick as ink, which are no digits."""
    size = len(image)
    for _ in range(rng.integers(*CLUTTER)):
        colour = rng.uniform(0, 255, 3).tolist()
        thickness = int(rng.integers(1, 2 + size // 40))
        start, end = rng.integers(0, size, (2, 2)).tolist()
        if rng.random() < 0.5:
            cv2.line(image, start, end, colour, thickness, cv2.LINE_AA)
        else:
            axes = rng.integers(size // 20, size // 5, 2).tolist()
            turn, sweep = rng.uniform(0, 360), rng.uniform(60, 300)
            cv2.ellipse(
                image, start, axes, turn, 0, sweep, colour, thickness, cv2.LINE_AA
            )


def _render(glyph: NDArray[np.float64], size: int, rng: np.random.Generator) -> Alpha:
    """Enlarge and turn one digit; cropped to its ink."""
    low, high = np.log(SCALES)
    height = round(size * float(np.exp(rng.uniform(low, high))))
    width = round(height * rng.uniform(0.8, 1.1))
    framed = np.pad(glyph / 16, 2).astype(np.float32)  # room to turn in
    frame = (width * 12 // 8, height * 12 // 8)
    grown = cv2.resize(framed, frame, interpolation=cv2.INTER_CUBIC)
    centre = (frame[0] / 2, frame[1] / 2)
    turn = cv2.getRotationMatrix2D(
        centre, rng.uniform(-MAX_ROTATION, MAX_ROTATION), 1.0
    )
    grown = cv2.warpAffine(grown, turn, frame)
    alpha = np.clip((grown - 0.25) / 0.3, 0, 1)
    rows, columns = np.where(alpha >= INK)
    return alpha[
        rows.min() : rows.max() + 1,
        columns.min() : columns.max() + 1,
    ]


def _find_place(
    alpha: Alpha, taken: Sequence[Box], size: int, rng: np.random.Generator
) -> Box | None:
    """A place inside the image that leaves the others visible; None if none is."""
    height, width = alpha.shape
    for _ in range(20):
        left = int(rng.integers(0, size - width + 1))
        top = int(rng.integers(0, size - height + 1))
        box = (left, top, width, height)
        if all(_overlap(box, other) <= MAX_OVERLAP for other in taken):
            return box
    return None


def _overlap(a: Box, b: Box) -> float:
    """Intersection by the area of the smaller box."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0, width) * max(0, height) / min(a[2] * a[3], b[2] * b[3])


def _paint(
    image: NDArray[np.float32], alpha: Alpha, box: Box, rng: np.random.Generator
) -> None:
    left, top, width, height = box
    patch = image[top : top + height, left : left + width]
    below = patch[alpha >= INK].mean()
    colour = rng.uniform(0, 255, 3)
    while abs(colour.mean() - below) < MIN_CONTRAST:
        colour = rng.uniform(0, 255, 3)
    opacity = alpha[..., None] * rng.uniform(0.7, 1.0)
    patch += opacity * (colour - patch)
