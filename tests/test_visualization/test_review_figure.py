"""What is in the figure, asked of matplotlib; what it shows, asked of the review."""

import re

import numpy as np
import pytest
import torch
from mmdet.testing import demo_mm_inputs
from toys import tiny_distiller

from tskd_mm.models.features.level_match import fit_size
from tskd_mm.models.features.padding import valid_pixels
from tskd_mm.visualization import ReviewedImage, draw_reviews, review_image


def reviewed(value: float) -> ReviewedImage:
    one = torch.full((4, 6), value)
    names = 'teacher', 'memory 1', 'memory 2', 'memory 3', 'student now'
    return ReviewedImage(
        image=np.zeros((32, 48, 3), np.uint8),
        attention={name: one * (i + 1) for i, name in enumerate(names)},
        changes={'predicted change': one * 0, 'gap to teacher': one * 4},
    )


def test_rows_share_their_scales():
    figure = draw_reviews({'review 1': reviewed(1.0), 'review 2': reviewed(2.0)})
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in panels[:2]] == ['image', '']
    drawn = [axes.images[0] for axes in panels if axes.images[0].get_array().ndim == 2]
    attention, change = drawn[:10], drawn[10:]
    assert {image.get_clim() for image in attention} == {(0, 10)}
    assert {image.get_clim() for image in change} == {(0, 8)}
    assert [image.get_array().max() for image in change] == [0, 4, 0, 8]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == [
        'image', 'teacher', 'memory 1', 'memory 2', 'memory 3', 'student now',
        'predicted change', 'gap to teacher',
    ]  # fmt: skip
    names = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert names == ['review 1', 'review 2']


def test_many_reviews_are_spread_over_six_rows():
    figure = draw_reviews({str(i): reviewed(1.0) for i in range(1, 13)})
    names = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert names == ['1', '3', '5', '8', '10', '12']


@pytest.fixture
def model(mmdet_scope):
    """With a past; its first predictor says no to any change."""
    model = tiny_distiller()
    model.init_weights()
    for slot in range(3):
        for parameter in model.student.parameters():
            parameter.data.mul_(1.05)
        model.memorize(slot)
    with torch.no_grad():
        model.review.predictors[0].head.bias.sub_(100)
    return model.eval()


@pytest.fixture
def batch() -> dict:
    """Padded to 96 x 96 pixels; the first image has 32 x 96."""
    return demo_mm_inputs(2, [(3, 32, 96), (3, 96, 64)], num_classes=3)


def test_shows_what_the_review_compares_inside_the_image(model, batch):
    data = model.data_preprocessor(batch, False)
    inputs, samples = data['inputs'], data['data_samples']
    with torch.no_grad():
        student = model.tap.run(lambda: model.student(inputs)).levels
        teacher = model.teacher(inputs, samples).levels
        teacher = [*map(fit_size, teacher, student)]
        past = model.bank.levels(inputs)
        valid = [valid_pixels(samples, f.shape[-2:], f) for f in student]
        compared = model.review.compare(past, student, teacher, valid)
    for level, rows, columns in ((0, 4, 12), (1, 2, 6)):
        found = review_image(model, batch, level)
        inside = np.s_[0, 0, :rows, :columns]
        gap, prediction = compared[level].gap, compared[level].prediction
        assert torch.equal(found.changes['gap to teacher'], gap[inside])
        shown = found.changes['predicted change']
        assert torch.equal(shown, prediction[inside].clamp(min=0))
        assert shown.any() == (level == 1)  # below zero is cut off
        features = [teacher, *past, student]
        for shown, levels in zip(found.attention.values(), features, strict=True):
            attention = model.review.attention(levels[level], valid[level])
            assert torch.equal(shown, attention[inside])
        assert found.image.shape == (32, 96, 3)


def test_nothing_to_show(model, batch):
    text = 'level must be between 0 and 4, but got 5'
    with pytest.raises(ValueError, match=f'^{text}$'):
        review_image(model, batch, 5)
    model.review = None
    text = 'the model has review=None: there are no memories to show'
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        review_image(model, batch, 0)
