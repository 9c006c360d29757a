"""A cycle M M M R on real images, for second stages and detection transformers."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import MODELS
from mmengine.runner import Runner
from tiny_detectors import (
    CONFIGS,
    ROI,
    shake,
    tiny_detector,
)
from toys import load_whole, run_config, same_tensors, scalars

pytestmark = pytest.mark.usefixtures('mmdet_scope')
NAMES = ('loss_head_cls', 'loss_head_box')


@pytest.fixture(autouse=True)
def unformatted(monkeypatch):
    """A runner lays its config out prettily, which takes longer than to train here."""

    def unchanged(text: str, **style) -> tuple[str, bool]:
        return text, True

    for module in ('mmengine.config.config', 'yapf.yapflib.yapf_api'):  # either stack
        monkeypatch.setattr(f'{module}.FormatCode', unchanged, raising=False)


@pytest.fixture
def training(tmp_path: Path, shared_data: Path, family: str) -> ConfigDict:
    """Four steps, each an epoch of two of COCO's images; the teacher is no beginner."""
    model = MODELS.build(tiny_detector(family, classes=80))
    model.init_weights()
    shake(model, 0.02)
    torch.save(model.state_dict(), tmp_path / 'teacher.pth')
    config = run_config(tmp_path, {}, epochs=4)
    loss = 'RoIHeadKDLoss' if family in ROI else 'QueryKDLoss'
    config.model = dict(
        type='TSKDDistiller',
        student=tiny_detector(family, classes=80),
        teacher=tiny_detector(family, classes=80),
        teacher_checkpoint=str(tmp_path / 'teacher.pth'),
        head_losses=dict(head=dict(type=loss)),
    )
    dataset = config.train_dataloader.dataset
    dataset.update(
        data_root=f'{shared_data}/coco_tiny/',
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img='train2017/'),
        indices=2,
    )
    del dataset.metainfo
    dataset.pipeline[1].with_mask = family in ('mask', 'cascade')
    dataset.pipeline.insert(2, dict(type='Resize', scale=(128, 128), keep_ratio=True))
    return config


def train(config: ConfigDict) -> tuple[list[dict], dict]:
    """Train; what was logged, and the last checkpoint."""
    Runner.from_cfg(copy.deepcopy(config)).train()
    folder = Path(config.work_dir)
    return scalars(folder), load_whole(folder / 'epoch_4.pth')


def resume(config: ConfigDict, checkpoint: Path, name: str) -> ConfigDict:
    config = copy.deepcopy(config)
    folder = Path(config.work_dir).with_name(name)
    config.update(resume=True, load_from=str(checkpoint), work_dir=str(folder))
    config.experiment_name = str(folder)
    config.custom_hooks[0].preflight = False
    return config


@pytest.mark.parametrize('family', CONFIGS)
def test_a_cycle(family, training):
    rows, checkpoint = train(training)
    assert all(row[name] > 0 for row in rows for name in NAMES)
    assert ['loss_review' in row for row in rows] == [False, False, False, True]
    plain = MODELS.build(copy.deepcopy(training.model.student))  # the host writes there
    assert checkpoint['state_dict'].keys() == plain.state_dict().keys()
    half = Path(training.work_dir) / 'epoch_2.pth'
    again, resumed = train(resume(training, half, 'resumed'))
    for ours, theirs in zip(rows[2:], again, strict=True):
        assert [ours[name] for name in NAMES] == [theirs[name] for name in NAMES]
    assert same_tensors(checkpoint['state_dict'], resumed['state_dict'])
