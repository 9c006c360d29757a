"""Images from a data set that is built for them from the config."""

import re

import pytest
import torch
from mmengine.runner import Runner
from toys import run_config, with_validation

from tskd_mm.engine.validation_images import one_image, validation_images


@pytest.fixture
def runner(tmp_path, data) -> Runner:
    config = with_validation(run_config(tmp_path, data))
    config.val_dataloader.update(
        batch_size=3,
        num_workers=2,
        persistent_workers=True,
        prefetch_factor=4,
        num_batch_per_epoch=1,
    )
    return Runner.from_cfg(config)


def test_every_image_one_by_one_whatever_the_loader_is_like(runner):
    images, own = validation_images(runner), runner.val_dataloader.dataset
    assert len(images) == 4
    for index in range(4):
        batch = one_image(images, index)
        [image], [sample] = batch['inputs'], batch['data_samples']
        assert torch.equal(image, own[index]['inputs'])
        assert sample.img_id == own[index]['data_samples'].img_id


def test_data_sets_of_the_run_stay_as_they_are(runner, monkeypatch):
    def used(*arguments) -> None:
        raise AssertionError

    monkeypatch.setattr(type(runner.val_dataloader.dataset), '__getitem__', used)
    images = validation_images(runner)
    assert images.dataset is not runner.val_dataloader.dataset


def test_objects_in_place_of_a_config(runner):
    message = (
        'val_dataloader must be a config, also of its data set, to take images from '
        'without changing the run, but got {}'
    )
    own = runner.val_dataloader
    for loader, name in ((own, 'DataLoader'), ({'dataset': own.dataset}, 'dict')):
        runner._val_dataloader = loader
        text = re.escape(message.format(name))
        with pytest.raises(TypeError, match=f'^{text}$'):
            validation_images(runner)
