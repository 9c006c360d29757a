"""Random batches and models fit together."""

import pytest
from doc_blocks import ROOT
from mmengine.config import Config
from mmengine.logging import MMLogger
from random_models import random_batch, random_distiller
from toys import run_config, same_tensors

RECIPES = ROOT / 'configs' / 'tskd'


@pytest.mark.parametrize(
    'recipe, shape, classes',
    [
        ('retinanet_r101_to_r50_coco', (2, 3, 320, 320), 80),
        ('cascade_rcnn_r101_to_r50_coco', (2, 3, 320, 320), 80),
        ('resnet56_to_resnet20_cifar100', (128, 3, 32, 32), 100),
    ],
)
def test_default_batches(recipe: str, shape: tuple, classes: int):
    data = random_batch(Config.fromfile(RECIPES / f'{recipe}.py'))
    assert (len(data['inputs']), *data['inputs'][0].shape) == shape
    assert len(data['data_samples']) == shape[0]
    for sample in data['data_samples']:
        labels = sample.gt_label if 'gt_label' in sample else sample.gt_instances.labels
        assert labels.max() < classes


def test_masks_where_a_head_wants_them():
    config = Config.fromfile(RECIPES / 'mask_rcnn_r101_to_r50_coco.py')
    data = random_batch(config, images=1, size=(64, 96))
    assert data['data_samples'][0].gt_instances.masks.masks.shape[1:] == (64, 96)


@pytest.mark.usefixtures('no_scope')
def test_the_distiller_trains(tmp_path, data):
    config = run_config(tmp_path, data)
    config.model.teacher_checkpoint = 'there is no such file'
    before = config.to_dict()
    logger = MMLogger.get_current_instance()
    level = logger.level
    model = random_distiller(config)
    assert config.to_dict() == before
    assert logger.level == level
    assert model.training and model.phase == 'general' and model.teacher is not None
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    batch = model.data_preprocessor(random_batch(config, 1, (64, 64)), True)
    model.parse_losses(model.loss(**batch))[0].backward()
    assert model.student.neck.fpn_convs[0].conv.weight.grad.abs().sum() > 0
    assert same_tensors(model.state_dict(), weights)


@pytest.mark.usefixtures('no_scope')
def test_a_deep_teacher_stays_within_half_precision():
    config = Config.fromfile(RECIPES / 'resnet110_to_resnet32_cifar100.py')
    model = random_distiller(config)
    assert not any(module.training for module in model.teacher.model.modules())
    batch = model.data_preprocessor(random_batch(config, images=8), True)
    seen = model.teacher(batch['inputs'], batch['data_samples'])
    assert max(x.abs().max() for x in [*seen.levels, seen.logits]) < 1000
