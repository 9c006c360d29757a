"""Every recipe for heads builds offline and takes a step."""

from pathlib import Path

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from test_configs import ROOT, build, copy_of, moved
from tiny_detectors import shake
from toys import photos

RECIPES = sorted((ROOT / 'configs' / 'head').glob('*.py'))


@pytest.mark.parametrize('recipe', RECIPES, ids=lambda path: path.stem)
def test_a_recipe_takes_a_step(recipe: Path):
    config, model = build(recipe)
    assert model.review is None
    assert config.custom_hooks[-1].type == 'DistillationHook'
    named = {name for part in recipe.stem.split('_')[:1] for name in part.split('-')}
    assert named == {*config.model.feature_losses, *config.model.head_losses}
    MessageHub.get_current_instance().update_info('iter', 0)  # YOLOX's resizing asks
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 1e-4))
    transformer = 'query' in model.static_losses.heads
    if transformer:  # untrained ones find the same boxes: their regression is zero
        shake(model.teacher.model.bbox_head, 0.01)
    student, teacher = copy_of(model), copy_of(model.teacher.model)
    model.phase = 'general'
    losses = model.train_step(photos(scale=2 if transformer else 1), optimizer)
    for name in model.loss_names:
        assert float(losses[f'loss_{name}']) > 0, name
    assert moved(student, model) and not moved(teacher, model.teacher.model)


def test_recipes_are_short():
    assert len(RECIPES) >= 10
    assert all(len(recipe.read_text().splitlines()) <= 25 for recipe in RECIPES)
