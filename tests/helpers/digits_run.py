"""A classifier's distillation on real digits, in memory: milliseconds a step."""

from pathlib import Path

import torch
from mmengine.config import ConfigDict
from mmengine.registry import DATASETS
from mmpretrain.structures import DataSample
from sklearn.datasets import load_digits
from torch.utils.data import Dataset


@DATASETS.register_module(force=True)
class Digits(Dataset):
    """The first of scikit-learn's handwritten digits, (3, 8, 8), from 0 to 16."""

    def __init__(self, images: int = 1024) -> None:
        digits = load_digits()
        grey = torch.from_numpy(digits.images[:images]).float()
        self.images = grey[:, None].repeat(1, 3, 1, 1)
        self.labels = digits.target[:images]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict:
        label = DataSample().set_gt_label(int(self.labels[index]))
        return dict(inputs=self.images[index], data_samples=label)


def classifier(depth: int = 8, width: int = 4) -> ConfigDict:
    widths = (width, width, 2 * width, 4 * width)
    return ConfigDict(
        type='ImageClassifier',
        data_preprocessor=dict(num_classes=10, mean=[5.0] * 3, std=[6.0] * 3),
        backbone=dict(type='CIFARResNet', depth=depth, widths=widths),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=10, in_channels=4 * width),
    )


def digits_config(folder: Path, epochs: int = 4, images: int = 64) -> ConfigDict:
    """PKD and KD on two levels and the scores, batches of 32, a node every epoch."""
    return ConfigDict(
        default_scope='mmpretrain',
        work_dir=str(folder / 'work'),
        model=dict(
            type='TSKDDistiller',
            student=classifier(),
            teacher=classifier(depth=14, width=6),
            teacher_checkpoint=None,
            student_taps=['backbone.feature1', 'backbone.feature2'],
            feature_losses=dict(pkd=dict(type='PKDLoss')),
            logit_losses=dict(kd=dict(type='LogitKLLoss')),
        ),
        train_dataloader=dict(
            batch_size=32,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            dataset=dict(type='Digits', images=images),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.02, momentum=0.9)),
        custom_hooks=[dict(type='TSKDMemoryHook', interval=1)],
        default_hooks=dict(logger=dict(type='LoggerHook', interval=10)),
        randomness=dict(seed=0, deterministic=True),
        log_level='ERROR',
        experiment_name=f'digits_{folder}',
    )
