"""Validation images from a data set of their own, so that the run's stays as it is."""

from typing import Any

from mmengine.runner import Runner
from torch.utils.data import DataLoader


def validation_images(runner: Runner) -> DataLoader:
    """A loader of single images, built anew from the config of ``val_dataloader``.

    Nothing here talks to other processes.

    Args:
        runner: It has a validation.

    Raises:
        TypeError: If it was given a data loader or data set instead of a config.
    """
    config = runner._val_dataloader
    if not isinstance(config, dict) or not isinstance(config['dataset'], dict):
        raise TypeError(
            'val_dataloader must be a config, also of its data set, to take images '
            f'from without changing the run, but got {type(config).__name__}'
        )
    kept = {key: config[key] for key in ('dataset', 'collate_fn') if key in config}
    sampler = {'type': 'DefaultSampler', 'shuffle': False}
    kept.update(batch_size=1, num_workers=0, sampler=sampler)
    return Runner.build_dataloader(kept, seed=0)


def one_image(images: DataLoader, index: int) -> Any:
    """A batch of one image, as a data loader gives it."""
    return images.collate_fn([images.dataset[index]])
