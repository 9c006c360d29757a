"""Random batches have the classes, boxes and masks that a config trains on."""

import pytest
from doc_blocks import ROOT
from mmengine.config import Config

from tskd_mm.apis.random_batch import random_batch

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


def test_masks_where_a_head_needs_them():
    config = Config.fromfile(RECIPES / 'mask_rcnn_r101_to_r50_coco.py')
    data = random_batch(config, images=1, size=(64, 96))
    assert data['data_samples'][0].gt_instances.masks.masks.shape[1:] == (64, 96)
