"""A reader of the docs: a folder laid out as they say, and a shell."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from doc_blocks import ROOT, block
from mmengine.registry import MODELS
from mmengine.runner.checkpoint import get_torchvision_models
from mmengine.utils import get_installed_path
from user_files import classifier_images, user_detector

from tskd_mm.models.loading.model_config import find_model

HELPERS = Path(__file__).parent
PUBLISH = Path(
    get_installed_path('mmdet'), '.mim', 'tools', 'model_converters', 'publish_model.py'
)
# Programs that a test cannot have: Slurm, several GPUs, and openmim, which runs a tool.
STUBS = {
    'python': f'exec {sys.executable} {HELPERS / "short_python.py"} "$@"',
    'srun': 'echo srun "$@"',
    'torchrun': 'echo torchrun "$@"',
    'mim': f'shift 3; exec {sys.executable} {PUBLISH} "$@"',
}
TEACHERS = (
    'mmdet::rtmdet/rtmdet_m_8xb32-300e_coco.py',
    'mmdet::retinanet/retinanet_r101_fpn_1x_coco.py',
)
STUDENTS = (
    'mmdet::rtmdet/rtmdet_s_8xb32-300e_coco.py',
    'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
)
CLASSES = {'person': 'bolt', 'chair': 'nut', 'bottle': 'washer'}


def stand_in_weights(home: Path) -> None:
    """Untrained weights under the names of all files that the commands download."""
    folder = home / 'hub' / 'checkpoints'
    folder.mkdir(parents=True)

    def save(url: str, state: dict) -> None:
        torch.save({'state_dict': state}, folder / url.rsplit('/', 1)[-1])

    for name in TEACHERS:
        source = find_model(name, 'teacher')
        save(source.weights_in_index(), MODELS.build(source.config).state_dict())
    for name in STUDENTS:
        backbone = find_model(name, 'student').config.backbone
        url, prefix = backbone.init_cfg.checkpoint, backbone.init_cfg.get('prefix', '')
        if url.startswith('torchvision://'):
            url = get_torchvision_models()[url.removeprefix('torchvision://')]
        state = MODELS.build({'_scope_': 'mmdet', **backbone}).state_dict()
        save(url, {prefix + key: value for key, value in state.items()})


def own_images(coco: Path, folder: Path) -> None:
    """``data/mine`` of docs/get_started.md: photographs of COCO, classes renamed."""
    mine = folder / 'data' / 'mine'
    for split in ('train', 'val'):
        (mine / split).mkdir(parents=True)
        file = coco / 'annotations' / f'instances_{split}2017.json'
        content = json.loads(file.read_text())
        kinds = [kind for kind in content['categories'] if kind['name'] in CLASSES]
        numbers = {kind['id'] for kind in kinds}
        boxes = [a for a in content['annotations'] if a['category_id'] in numbers]
        shown = {box['image_id'] for box in boxes}
        images = [i for i in content['images'] if i['id'] in shown][:4]
        kept = {image['id'] for image in images}
        for image in images:
            shutil.copy(coco / f'{split}2017' / image['file_name'], mine / split)
        content = dict(
            images=images,
            annotations=[box for box in boxes if box['image_id'] in kept],
            categories=[{**kind, 'name': CLASSES[kind['name']]} for kind in kinds],
        )
        (mine / f'{split}.json').write_text(json.dumps(content))
    shutil.copy(mine / 'val' / images[0]['file_name'], folder / 'image.jpg')


class Reader:
    """Types what the pages say.

    Args:
        folder: The clone, with the reader's own files.
        shared: Real images and weights.
        home: Where downloads are kept.
    """

    def __init__(self, folder: Path, shared: Path, home: Path) -> None:
        self.folder, self.shared = folder, shared
        programs = folder / 'programs'
        programs.mkdir(parents=True)
        for name, body in STUBS.items():
            (programs / name).write_text(f'#!/bin/sh\n{body}\n')
            (programs / name).chmod(0o755)
        for name in ('configs', 'docs', 'tests', 'tools'):
            (folder / name).symlink_to(ROOT / name)
        self.variables = {
            'PATH': f'{programs}:{os.environ["PATH"]}',
            'PYTHONPATH': f'{ROOT}:{HELPERS}',
            'TORCH_HOME': str(home),
            'OMP_NUM_THREADS': '1',
            'DATA': str(shared / 'coco_tiny'),
            'https_proxy': 'http://127.0.0.1:9',  # nothing is downloaded
        }

    def type(self, lines: str) -> str:
        """Run lines of the shell to the end, or to the first that fails.

        Returns:
            What they printed.

        Raises:
            RuntimeError: If one fails.
        """
        done = subprocess.run(
            ['bash', '-euxo', 'pipefail', '-c', lines],
            cwd=self.folder,
            env=os.environ | self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f'{lines}\n{done.stdout[-5000:]}')
        return done.stdout

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    # What pages speak of as being there.

    def has_detector(self) -> None:
        """``my_detector.py``, of 12 epochs, and ``image.jpg``."""
        own_images(self.shared / 'coco_tiny', self.folder)
        dataset = dict(
            data_root='data/mine/',
            ann_file='train.json',
            data_prefix=dict(img='train/'),
            metainfo=dict(classes=[*CLASSES.values()]),
        )
        user_detector(self.folder, dataset, epochs=12)

    def has_training(self) -> None:
        """A finished run of ``my_tskd_config.py``."""
        self.has_detector()
        lines = block('get_started.md', '3. Your own config', 'python')
        self.write('my_tskd_config.py', lines)
        self.type('python tools/train.py my_tskd_config.py')

    def has_average(self) -> None:
        """The same, and one of ``my_ema_config.py`` with a moving average."""
        self.has_training()
        average = "[*_base_.custom_hooks, dict(type='EMAHook')]"
        lines = f"_base_ = 'my_tskd_config.py'\ncustom_hooks = {average}\n"
        self.write('my_ema_config.py', lines)
        self.type('python tools/train.py my_ema_config.py')

    def has_folders(self) -> None:
        """Images in folders of three classes."""
        classifier_images(self.folder, images=2)

    def has_coco(self) -> None:
        """COCO, YOLOX-Nano and the CIFAR-10 networks where the recipes look."""
        (self.folder / 'data').mkdir()
        (self.folder / 'data' / 'coco').symlink_to(self.shared / 'coco_tiny')
        nano = self.shared / 'yolox_nano_coco' / 'yolox_nano_coco_mmdet3.pth'
        (self.folder / 'yolox_nano.pth').symlink_to(nano)
        for file in (self.shared / 'cifar10_teachers').glob('*.th'):
            (self.folder / file.name).symlink_to(file)
        name = 'mmdet::retinanet/retinanet_r101_fpn_1x_coco.py'
        self.write('r101.py', f'_base_ = {name!r}\n')
        pixels = self.shared / 'cifar10_lossless_5k' / 'cifar10_4k_train_1k_test.npz'
        (self.folder / 'cifar10.npz').symlink_to(pixels)

    def has_studies(self) -> None:
        """The same, ``cifar10_16.npz``, and the images of ``make demo``."""
        self.has_coco()
        arrays = {}
        for split in ('train', 'test'):
            arrays[f'x_{split}'] = np.zeros((256, 16, 16, 3), np.uint8)
            arrays[f'y_{split}'] = np.arange(256) % 10
        np.savez(self.folder / 'cifar10_16.npz', **arrays)
        self.type('python -m tools.demo.digits_to_coco')
