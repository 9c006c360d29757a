"""Every recipe builds offline and takes one step in each phase."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.structures import DataSample
from toys import photos

from tskd_mm.models.loading.model_config import find_model

ROOT = Path(__file__).resolve().parents[1]
RECIPES = sorted((ROOT / 'configs' / 'tskd').glob('*.py'))


def images(scope: str, size: int, masks: bool) -> dict:
    """Two random images for a classifier, two photographs for a detector."""
    if scope == 'mmpretrain':
        return {
            'inputs': torch.randint(0, 255, (2, 3, size, size)).float(),
            'data_samples': [DataSample().set_gt_label(i) for i in (1, 2)],
        }
    return photos(masks)


def build(recipe: Path):
    """The recipe's model, student and teacher at random weights."""
    config = Config.fromfile(recipe)
    init_default_scope(config.default_scope)
    teacher = find_model(config.model.teacher, 'teacher').config
    for part in (config.model.student, teacher):
        part['backbone']['init_cfg'] = None
    config.model.update(teacher=teacher, teacher_checkpoint=None)
    if 'teacher_classes' in config.model:  # by name; the names come with the weights
        config.model.teacher_classes = [*range(len(config.model.teacher_classes))]
    preprocessor = config.get('data_preprocessor')
    defaults = {'data_preprocessor': preprocessor} if preprocessor else {}
    model = MODELS.build(config.model, default_args=defaults)
    model.init_weights()
    return config, model.train()


def moved(before: dict, module: torch.nn.Module) -> bool:
    return any(not torch.equal(v, before[k]) for k, v in module.state_dict().items())


def copy_of(module: torch.nn.Module) -> dict:
    return {k: v.clone() for k, v in module.state_dict().items()}


@pytest.mark.parametrize('recipe', RECIPES, ids=lambda path: path.stem)
def test_a_recipe_takes_a_step_in_each_phase(recipe: Path):
    config, model = build(recipe)
    size = 32 if 'cifar' in recipe.stem else 64
    data = images(config.default_scope, size, 'mask' in recipe.stem)
    MessageHub.get_current_instance().update_info('iter', 0)  # YOLOX's resizing asks
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 1e-4))
    teacher = copy_of(model.teacher.model)
    for phase in ('memorize', 'general', 'review'):
        model.phase = phase
        student, predictors = copy_of(model), copy_of(model.review)
        losses = model.train_step(data, optimizer)
        assert all(torch.isfinite(value) for value in losses.values())
        assert ('loss_review' in losses) == (phase == 'review')
        assert moved(student, model)
        assert moved(predictors, model.review) == (phase == 'review')
        if phase == 'memorize':
            for slot in range(3):
                model.memorize(slot)
    # Without weight decay what moved had a gradient.
    assert not any(p.requires_grad for p in model.teacher.model.parameters())
    memories = [t for slot in model.bank.slots.values() for t in slot.values()]
    assert not any(tensor.requires_grad for tensor in memories)
    assert not moved(teacher, model.teacher.model)
    assert not model.teacher.model.training


def test_recipes_are_short():
    for recipe in RECIPES:
        assert len(recipe.read_text().splitlines()) <= 25, recipe


def test_cifar_student_is_plain_in_mmpretrain(tmp_path):
    from mmpretrain import get_model

    recipe = ROOT / 'configs' / 'tskd' / 'resnet56_to_resnet20_cifar10.py'
    _, model = build(recipe)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'student.pth')
    plain = get_model(str(ROOT / 'configs' / 'cifar' / 'resnet20_cifar10.py'))
    plain.load_state_dict(
        torch.load(tmp_path / 'student.pth')['state_dict'], strict=True
    )
    image = torch.randn(2, 3, 32, 32)
    plain.eval(), model.eval()
    assert torch.equal(plain(image), model(image))
