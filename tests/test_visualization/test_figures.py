"""What is in the figures, asked of matplotlib."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from tskd_mm.engine.schedule.review_schedule import ReviewSchedule
from tskd_mm.engine.schedule.run_timeline import RunTimeline
from tskd_mm.visualization import (
    AttentionMaps,
    draw_attention,
    draw_timeline,
    figure_image,
)


def maps(value: float, memories: int = 3) -> AttentionMaps:
    one = torch.full((4, 6), value)
    return AttentionMaps(
        image=np.zeros((32, 48, 3), np.uint8),
        teacher=one,
        past=[one * (i + 1) for i in range(memories)],
        now=one * 10,
        prediction=-one,
        gap=one * 5,
    )


def test_rows_share_their_scales():
    figure = draw_attention({'review 1': maps(1.0), 'review 2': maps(2.0)})
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in panels[:2]] == ['image', '']
    drawn = [axes.images[0] for axes in panels if axes.images[0].get_array().ndim == 2]
    attention, change = drawn[:10], drawn[10:]
    assert {image.get_clim() for image in attention} == {(0, 20)}
    assert {image.get_clim() for image in change} == {(0, 10)}
    assert change[0].get_array().max() == 0  # a negative prediction is cut off
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == [
        'image', 'teacher', 'memory 1', 'memory 2', 'memory 3', 'student now',
        'predicted change', 'gap to teacher',
    ]  # fmt: skip
    names = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert names == ['review 1', 'review 2']


@pytest.mark.parametrize('resumed', [0, 30])
def test_timeline(resumed):
    """4 epochs of 10 iterations; M1, R, M1, R."""
    plan = RunTimeline(
        ReviewSchedule(1, 1, 1), by_epoch=True, end=40, iters_per_step=10
    )
    rates = [1.0] * 20 + [0.1] * 20
    [axes] = draw_timeline(plan, rates[resumed:]).axes
    reviews = [patch.get_x() for patch in axes.patches]
    assert reviews == [1, 3]
    curve = axes.lines[-1].get_xydata()
    assert curve[0].tolist() == [resumed / 10, rates[resumed]]
    assert curve[-1].tolist() == [3.9, 0.1]
    assert [text.get_text() for text in axes.texts] == ['M1', 'R', 'M1', 'R']
    assert axes.get_xlabel() == 'epochs done'


def test_image_of_a_figure():
    figure = Figure(figsize=(2, 1), dpi=50, facecolor='red')
    image = figure_image(figure)
    assert image.shape == (50, 100, 3)
    assert image.dtype == np.uint8
    assert image[0, 0].tolist() == [255, 0, 0]
