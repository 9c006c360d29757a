"""The project's recipes, cut to four epochs on the data that travels along."""

import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, init_default_scope
from torch.optim.swa_utils import update_bn

from tskd_mm.models import find_model

from .check import ROOT, Check

DETECTORS = {
    'retinanet': 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    'faster_rcnn': 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
}
EPOCHS = 4  # M1, M2, M3, R
BATCHES = {'detector': (4, 8), 'classifier': (128, 200)}  # as usual, and tiny
NAMES = (*DETECTORS, 'cifar')


@dataclass
class SmallTraining:
    """A training of the kit.

    Attributes:
        config: With TSKD.
        plain: Of the student alone.
        teacher: File of the teacher's weights.
    """

    config: Config
    plain: Config
    teacher: Path


def small_training(
    check: Check, name: str, workers: int, batch: int | None = None
) -> SmallTraining:
    """The training of one of :data:`NAMES`.

    Args:
        check: Says where the data is.
        name: Of a recipe.
        workers: Of every data loader.
        batch: Images in a batch. Default: 4 for a detector, 128 for a classifier; two
            steps an epoch where the images are tiny.
    """
    if batch is None:
        batch = BATCHES['classifier' if name == 'cifar' else 'detector'][check.tiny]
    MMLogger.get_current_instance().setLevel('WARNING')
    check.work.mkdir(parents=True, exist_ok=True)
    make = _classifier if name == 'cifar' else _detector
    training = make(check, name, batch)
    for config in (training.config, training.plain):
        for split in ('train', 'val', 'test'):
            loader = config[f'{split}_dataloader']
            loader.num_workers = workers
            loader.persistent_workers = workers > 0
    _shorten(training.config)
    return training


def _detector(check: Check, name: str, batch: int) -> SmallTraining:
    config = Config.fromfile(ROOT / 'configs' / 'tskd' / f'{name}_r101_to_r50_coco.py')
    init_default_scope('mmdet')
    teacher, backbone = (
        check.work / f'{name}_{part}.pth' for part in ('teacher', 'backbone')
    )
    if not teacher.exists():
        torch.manual_seed(7)
        model = _calibrated(find_model(config.model.teacher, 'teacher').config)
        torch.save({'state_dict': model.state_dict()}, teacher)
        model = _calibrated(find_model(config.model.student, 'student').config)
        torch.save({'state_dict': model.backbone.state_dict()}, backbone)
    config.model.teacher_checkpoint = str(teacher)
    start = {'type': 'Pretrained', 'checkpoint': str(backbone)}
    config.model.student.backbone.init_cfg = start
    plain = get_config(DETECTORS[name])
    plain.model.backbone.init_cfg = None
    for part in (config, plain):
        _use_small_coco(part, check, batch)
    for model in (config.model.student, plain.model):  # random weights find something
        test = model.test_cfg.get('rcnn', model.test_cfg)
        test.score_thr = 1e-4
    return SmallTraining(config, plain, teacher)


def _calibrated(config: dict) -> Any:
    """Random weights, with statistics of random images and residuals that count."""
    config = deepcopy(config)
    config['backbone']['init_cfg'] = None
    model = MODELS.build(config)
    model.init_weights()
    for name, parameter in model.backbone.named_parameters():
        if name.endswith('bn3.weight'):
            torch.nn.init.constant_(parameter, 0.3)
    update_bn([torch.randn(2, 3, 96, 96) for _ in range(2)], model.backbone)
    return model


def _use_small_coco(config: Config, check: Check, batch: int) -> None:
    root = f'{check.data}/coco/'
    for split in ('train', 'val', 'test'):
        data = config[f'{split}_dataloader'].dataset
        data.data_root = root
        for step in data.pipeline:
            if step.type == 'Resize':
                step.scale = (128, 96) if check.tiny else (667, 400)
    config.train_dataloader.batch_size = batch
    for split in ('val', 'test'):
        annotations = f'{root}annotations/instances_val2017.json'
        config[f'{split}_evaluator'].ann_file = annotations


def _classifier(check: Check, name: str, batch: int) -> SmallTraining:
    images, teacher = check.work / 'cifar', check.work / 'resnet56.pth'
    if not teacher.exists():
        _run_tool(
            'dataset_converters/npz_to_folders.py', check.data / 'cifar.npz', images
        )
        published = check.data / 'resnet56-4bfd9763.th'
        config = ROOT / 'configs' / 'cifar' / 'resnet56_cifar10.py'
        _run_tool('model_converters/cifar_to_mmpretrain.py', config, published, teacher)
    init_default_scope('mmpretrain')
    config = Config.fromfile(ROOT / 'configs/tskd/resnet56_to_resnet20_cifar10.py')
    plain = Config.fromfile(ROOT / 'configs/cifar/resnet20_cifar10.py')
    for part in (config, plain):
        part.data_preprocessor.to_rgb = True  # image files are read as BGR
        part.optim_wrapper.optimizer.lr = 0.02
        for split in ('train', 'val', 'test'):
            loader = part[f'{split}_dataloader']
            loader.batch_size = batch
            loader.dataset = {
                'type': 'CustomDataset',
                'data_root': str(images / ('train' if split == 'train' else 'test')),
                'pipeline': [{'type': 'LoadImageFromFile'}, *loader.dataset.pipeline],
            }
    model = find_model(config.model.teacher, 'teacher').config
    model['data_preprocessor']['to_rgb'] = True
    config.model.teacher = model
    config.model.teacher_checkpoint = str(teacher)
    config.custom_hooks[0].interval = 1
    return SmallTraining(config, plain, teacher)


def _run_tool(tool: str, *arguments: object) -> None:
    command = [sys.executable, '-W', 'ignore', str(ROOT / 'tools' / tool)]
    subprocess.run([*command, *map(str, arguments)], cwd=ROOT, check=True)


def _shorten(config: Config) -> None:
    config.train_cfg.max_epochs = config.train_cfg.val_interval = EPOCHS
    config.default_hooks.logger.interval = 1000
    config.default_hooks.checkpoint.update(
        interval=1, max_keep_ckpts=-1, save_begin=EPOCHS - 1, save_best=None
    )
    for scheduler in config.param_scheduler:
        if isinstance(scheduler, dict) and scheduler['type'] == 'LinearLR':
            scheduler['end'] = 8
